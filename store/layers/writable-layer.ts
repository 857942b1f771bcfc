/**
 * The layers of a container, in Docker's format: an init layer on the image's top layer, and the writable one on that.
 *
 *     <root>/overlay2/<mount-id>-init/
 *     <root>/overlay2/<mount-id>/
 *     <root>/image/overlay2/layerdb/mounts/<container id>/    0755
 *       parent      0644  chainID of the image's top layer; absent for an image without layers
 *       mount-id    0644  64 hex digits, independent of the container's id
 *       init-id     0644  <mount-id>-init
 *
 * The entry in mounts/ keeps dockerd, and us, from removing the layers of the image.
 */
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { makeDirectory, writeNewFile } from '../fs/exact-mode.js';
import { removeTree } from '../fs/remove-tree.js';
import type { ChainId } from '../oci/digest.js';
import { fillInitLayer } from '../overlay2/init-layer.js';
import { createLayerDir, removeLayerDir } from '../overlay2/layer-dir.js';
import { mountsDir, readLayer } from './layer-db.js';

export interface WritableLayer {
  containerId: string;
  /** The name of the writable layer in overlay2/. */
  mountId: string;
  /** The image's top layer; undefined for an image without layers. */
  parent: ChainId | undefined;
}

export function initIdOf(mountId: string): string {
  return `${mountId}-init`;
}

/**
 * Pins the image's layers, then makes both layers. The caller holds a lease on the top layer, so that it is not removed
 * before the pin is there, and calls {@link removeWritableLayer} when this fails.
 */
export function createWritableLayer(root: string, { containerId, mountId, parent }: WritableLayer): void {
  const record = parent === undefined ? undefined : readLayer(root, parent);
  if (parent !== undefined && record === undefined)
    throw new KnownError('E_STORE', `the layer ${parent} is missing`, { hint: 'pull the image again' });
  const entry = join(mountsDir(root), containerId);
  makeDirectory(entry, 0o755);
  if (parent !== undefined) writeNewFile(join(entry, 'parent'), parent, 0o644);
  writeNewFile(join(entry, 'mount-id'), mountId, 0o644);
  writeNewFile(join(entry, 'init-id'), initIdOf(mountId), 0o644);
  createLayerDir(root, initIdOf(mountId), record?.cacheId);
  fillInitLayer(root, initIdOf(mountId));
  createLayerDir(root, mountId, initIdOf(mountId));
}

/** Removes whatever of it exists, the pin last. */
export function removeWritableLayer(root: string, { containerId, mountId }: Omit<WritableLayer, 'parent'>): void {
  for (const id of [mountId, initIdOf(mountId)]) {
    try {
      removeLayerDir(root, id);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  removeTree(join(mountsDir(root), containerId));
}
