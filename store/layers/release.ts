/**
 * Removal of layers that nothing refers to, in an order that a crash may interrupt anywhere: the record is renamed away first, so that the
 * layer no longer exists, then its directory goes, then the renamed record. dockerd finishes such removals too.
 */

import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reservesOf } from '../data-root.js';
import { isErrno } from '../errors.js';
import { syncDirectory } from '../fs/atomic-file.js';
import { withReserve } from '../fs/reserve.js';
import { randomBytes } from '../linux/random.js';
import type { ChainId } from '../oci/digest.js';
import { removeLayerDir } from '../overlay2/layer-dir.js';
import { layerDbDir, layerRecordDir, listLayers, mountParents, readLayer } from './layer-db.js';
import { forgetLayerMemo } from './layer-memo.js';
import { forgetLock, tryHoldLayer } from './lease.js';

/**
 * Removes `top` and the layers below it, as far as no other layer, image or container stands on them and no other process is
 * relying on them. `imageTops` are the top layers of all images that remain. Returns what was removed, top first.
 * Call inside the store's exclusive section.
 */
export function releaseLayers(root: string, top: ChainId, imageTops: Iterable<ChainId>): ChainId[] {
  const used = new Set<ChainId>(imageTops);
  for (const { parent } of mountParents(root)) used.add(parent);
  const children = new Map<ChainId, number>();
  for (const chainId of listLayers(root)) {
    const parent = readLayer(root, chainId)?.parent;
    if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  const removed: ChainId[] = [];
  for (let next: ChainId | undefined = top; next !== undefined; ) {
    const record = readLayer(root, next);
    if (record === undefined || used.has(next) || (children.get(next) ?? 0) > 0) break;
    const chainId = next;
    // The file of its lock may have to be made.
    using hold = withReserve(reservesOf(root), () => tryHoldLayer(root, chainId, 'exclusive'));
    if (hold === undefined) break;
    removeLayer(root, next, record.cacheId);
    forgetLock(root, next);
    removed.push(next);
    if (record.parent !== undefined) children.set(record.parent, (children.get(record.parent) ?? 1) - 1);
    next = record.parent;
  }
  return removed;
}

function removeLayer(root: string, chainId: ChainId, cacheId: string): void {
  const going = `${layerRecordDir(root, chainId)}-${randomBytes(32).toString('hex')}-removing`;
  renameSync(layerRecordDir(root, chainId), going);
  syncDirectory(join(layerDbDir(root), 'sha256'));
  removeLayerDir(root, cacheId);
  forgetLayerMemo(root, chainId);
  rmSync(going, { recursive: true });
}

/** Finishes removals that a crash interrupted. Call inside the store's exclusive section. */
export function sweepRemovals(root: string): void {
  const folder = join(layerDbDir(root), 'sha256');
  for (const name of readdirSync(folder)) {
    if (!/^[0-9a-f]{64}-[0-9a-f]+-removing$/.test(name)) continue;
    try {
      removeLayerDir(root, readFileSync(join(folder, name, 'cache-id'), 'utf8').trim());
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}
