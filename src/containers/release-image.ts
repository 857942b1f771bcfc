import { storeLockPath } from '../../store/data-root.js';
import { acquire } from '../../store/fs/lock.js';
import { openImageDb } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { releaseLayers } from '../../store/layers/release.js';
import { parseChainId, parseImageId } from '../../store/oci/digest.js';
import type { ContainerRecord } from './container-record.js';

/**
 * An image that was removed by force while the container stood on it kept its layers; when the container goes, they go.
 */
export async function releaseImageLayers(root: string, { image }: Pick<ContainerRecord, 'image'>): Promise<void> {
  const images = openImageDb(root);
  if (image.chainId === undefined || images.get(parseImageId(image.id)) !== undefined) return;
  using _lock = await acquire(storeLockPath(root), 'exclusive');
  const tops = images.list().flatMap((other) => topLayerOf(other) ?? []);
  releaseLayers(root, parseChainId(image.chainId), tops);
}
