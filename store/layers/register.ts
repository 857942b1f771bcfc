/**
 * Publishes prepared layers: their directories go to overlay2/ first, then their records to layerdb/, lowest first. The rename of a
 * record is the instant at which a layer exists.
 */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectories } from '../fs/atomic-file.js';
import { removeTree } from '../fs/remove-tree.js';
import type { ChainId } from '../oci/digest.js';
import { layerDirs, markCommitted, publishLayerDir, syncOverlayHome } from '../overlay2/layer-dir.js';
import { publishSource } from './distribution.js';
import { layerDbDir, layerRecordDir, readLayer } from './layer-db.js';
import { publishLayerMemo } from './layer-memo.js';
import type { StagedLayer } from './staging.js';

export interface PreparedLayer {
  staged: StagedLayer;
  chainId: ChainId;
  parent: ChainId | undefined;
}

/**
 * Call inside the store's exclusive section, after {@link syncFileSystem} made everything in the staging directories durable,
 * with layers in chain order. A layer that exists by now is discarded in favour of the one that is there.
 */
export async function registerLayers(root: string, layers: PreparedLayer[]): Promise<void> {
  const wanted = layers.filter(({ chainId }) => readLayer(root, chainId) === undefined);
  for (const { staged, parent } of wanted) {
    publishLayerDir(root, staged.layer, staged.cacheId, staged.link);
    const below = parent === undefined ? undefined : readLayer(root, parent);
    if (below !== undefined) markCommitted(layerDirs(root, below.cacheId).dir);
  }
  if (wanted.length > 0) await syncOverlayHome(root);
  for (const { staged, chainId } of wanted) {
    // A record that misses a file is no layer, for dockerd neither, and would be in the way.
    removeTree(layerRecordDir(root, chainId));
    publishLayerMemo(root, staged.dir, chainId);
    renameSync(staged.record, layerRecordDir(root, chainId));
  }
  if (wanted.length > 0) await syncDirectories(join(layerDbDir(root), 'sha256'));
  for (const { staged } of layers) publishSource(root, staged.dir);
  for (const { staged } of layers) staged.discard();
}
