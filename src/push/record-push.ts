/** What is remembered of a push, as dockerd does: the digest under which the image is known there, and where its layers can be had. */
import { closeSync, constants, openSync } from 'node:fs';
import { openImageDb } from '../../store/images/image-db.js';
import { addDigest } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import { publishSource, stageSource } from '../../store/layers/distribution.js';
import { stageLayer } from '../../store/layers/staging.js';
import { syncFileSystem } from '../../store/linux/inode.js';
import type { ImageId } from '../../store/oci/digest.js';
import type { Store } from '../../store/store.js';
import { keepDocuments } from '../pull/commit-image.js';
import { canonicalName, familiarName, type Reference } from '../reference.js';
import type { PushedImage } from './push-image.js';

/** An image that was removed meanwhile gets no name again. */
export async function recordPush(
  store: Store,
  reference: Reference,
  image: ImageId,
  pushed: PushedImage,
): Promise<void> {
  const { root } = store;
  const repository = canonicalName(reference);
  // No layer comes into it; what a killed process leaves there is swept.
  const staged = await store.exclusive(() => stageLayer(root));
  try {
    for (const { diffId, digest } of new Map(pushed.layers.map((layer) => [layer.diffId, layer])).values())
      stageSource(root, staged.dir, { diffId, blob: digest, repository });
    await sync(root);
    await store.exclusive(() => {
      if (openImageDb(root).get(image) === undefined) return;
      publishSource(root, staged.dir);
      keepDocuments(root, { image, documents: [{ digest: pushed.digest, bytes: pushed.bytes }] });
      updateRepositories(root, (names) => addDigest(names, familiarName(reference), pushed.digest, image));
    });
  } finally {
    staged.discard();
  }
}

async function sync(root: string): Promise<void> {
  const disk = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncFileSystem(disk);
  } finally {
    closeSync(disk);
  }
}
