/** Where the layers of an image lie. */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { layerRecordDir, readLayer } from '../../store/layers/layer-db.js';
import { type ChainId, chainIdsOf, type DiffId } from '../../store/oci/digest.js';
import { layerDirs } from '../../store/overlay2/layer-dir.js';
import type { StoredLayer } from '../../store/tar/rebuild-layer.js';

/** Lowest first. @throws KnownError E_STORE */
export function storedLayers(root: string, image: ImageRecord): StoredLayer[] {
  return chainIdsOf(image.diffIds).map((chainId, at) => storedLayer(root, chainId, image.diffIds[at]));
}

function storedLayer(root: string, chainId: ChainId, diffId: DiffId | undefined): StoredLayer {
  const layer = readLayer(root, chainId);
  if (layer === undefined || diffId === undefined)
    throw new KnownError('E_STORE', `layer ${chainId} is missing`, { hint: 'pull the image again' });
  return { chainId, diffId, record: layerRecordDir(root, chainId), diff: layerDirs(root, layer.cacheId).diff };
}
