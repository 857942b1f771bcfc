/** What is remembered of a push, as dockerd does: the digest under which the image is known there, and where its layers can be had. */

import { openImageDb } from '../../store/images/image-db.js';
import { recordUse } from '../../store/images/last-use.js';
import { addDigest } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import { addSource } from '../../store/layers/distribution.js';
import type { ImageId } from '../../store/oci/digest.js';
import type { Store } from '../../store/store.js';
import { keepDocuments } from '../pull/commit-image.js';
import { canonicalName, familiarName, type Reference } from '../reference.js';
import type { PushedImage } from './push-image.js';

/** An image that was removed meanwhile gets no name again. */
export function recordPush(store: Store, reference: Reference, image: ImageId, pushed: PushedImage): Promise<void> {
  const { root } = store;
  return store.exclusive(() => {
    if (openImageDb(root).get(image) === undefined) return;
    recordUse(root, image);
    const repository = canonicalName(reference);
    for (const { diffId, digest } of new Map(pushed.layers.map((layer) => [layer.diffId, layer])).values())
      addSource(root, { diffId, blob: digest, repository });
    keepDocuments(root, { image, documents: [{ digest: pushed.digest, bytes: pushed.bytes }] });
    updateRepositories(root, (names) => addDigest(names, familiarName(reference), pushed.digest, image));
  });
}
