/** One layer of a data root against its digest, by the facts that its record has. */
import { layerRecordDir, readChain, readLayer } from '../layers/layer-db.js';
import type { ChainId } from '../oci/digest.js';
import { layerDirs } from '../overlay2/layer-dir.js';
import type { LayerFault } from '../tar/layer-faults.js';
import { verifyLayer } from '../tar/verify-layer.js';

export interface LayerProof {
  isGood: boolean;
  /** The first thing that is wrong, if that is one thing. */
  fault: LayerFault | undefined;
}

/** A layer without a complete record is not good. */
export function proveLayer(root: string, chainId: ChainId): LayerProof {
  const layer = readLayer(root, chainId);
  if (layer === undefined) return { isGood: false, fault: undefined };
  const below = layer.parent === undefined ? [] : (readChain(root, layer.parent) ?? []);
  const { faults, digest, isUnprovable } = verifyLayer({
    record: `${layerRecordDir(root, chainId)}/tar-split.json.gz`,
    diff: layerDirs(root, layer.cacheId).diff,
    below: below.reverse().map(({ cacheId }) => layerDirs(root, cacheId).diff),
    isSource: false,
    // Owners are not what a power cut takes.
    idBase: undefined,
  });
  const isGood = faults.length === 0 && (isUnprovable || digest === (layer.diffId as string));
  return { isGood, fault: faults[0] };
}
