/** The last step of a pull, and the only one that makes an image visible: its config, then its names. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { writeFileDurably } from '../../store/fs/atomic-file.js';
import { openImageDb } from '../../store/images/image-db.js';
import { addDigest, lookUp, setTag } from '../../store/images/repositories.js';
import { readRepositories, updateRepositories } from '../../store/images/repositories-file.js';
import { hexOf } from '../../store/oci/digest.js';
import type { Store } from '../../store/store.js';
import { familiarName, type Reference } from '../reference.js';
import type { ResolvedImage } from './resolve-image.js';

/**
 * Records the image, whose layers are registered and leased. The documents are kept as they came, so that they can be given on
 * unchanged; dockerd does not know them. True when a name is new or moved.
 */
export function commitImage(store: Store, reference: Reference, resolved: ResolvedImage): Promise<boolean> {
  return store.exclusive(() => {
    const { root } = store;
    const name = familiarName(reference);
    const before = readRepositories(root);
    const tag = reference.digest === undefined ? reference.tag : undefined;
    const after = orNothing(root, resolved, () =>
      updateRepositories(root, (repositories) => {
        const withDigest = addDigest(repositories, name, resolved.digest, resolved.image);
        return tag === undefined ? withDigest : setTag(withDigest, name, tag, resolved.image);
      }),
    );
    const keys = [`${name}@${resolved.digest}`, ...(tag === undefined ? [] : [`${name}:${tag}`])];
    return keys.some((key) => lookUp(before, name, key) !== lookUp(after, name, key));
  });
}

/** Writes the documents and then the names. A config without a name would be listed as an image: if something fails, it goes again. */
function orNothing<T>(root: string, resolved: ResolvedImage, writeNames: () => T): T {
  const images = openImageDb(root);
  const known = images.get(resolved.image) !== undefined;
  try {
    keepDocuments(root, resolved);
    images.put(resolved.configBytes);
    return writeNames();
  } catch (error) {
    if (!known) {
      images.remove(resolved.image);
      rmSync(manifestsDir(root, hexOf(resolved.image)), { recursive: true, force: true });
    }
    throw error;
  }
}

function keepDocuments(root: string, { image, documents }: ResolvedImage): void {
  const dir = manifestsDir(root, hexOf(image));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const { digest, bytes } of documents) writeFileDurably(join(dir, hexOf(digest)), bytes, 0o600);
}
