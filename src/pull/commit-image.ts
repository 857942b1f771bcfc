/** The last step of a pull, and the only one that makes images visible: their configs, then their names. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { writeFileDurably } from '../../store/fs/atomic-file.js';
import { ensureDirectory } from '../../store/fs/exact-mode.js';
import { openImageDb } from '../../store/images/image-db.js';
import { addDigest, lookUp, type Repositories, setTag } from '../../store/images/repositories.js';
import { readRepositories, updateRepositories } from '../../store/images/repositories-file.js';
import { type Digest, hexOf, type ImageId } from '../../store/oci/digest.js';
import type { Store } from '../../store/store.js';
import type { ResolvedImage } from './resolve-image.js';

export interface ImageToCommit {
  resolved: ResolvedImage;
  /** None where the image is to be known by its id only. */
  names: readonly NewName[];
}

/** `name` as people write it. */
export type NewName = { name: string; tag: string } | { name: string; digest: Digest };

/**
 * Records images whose layers are registered and leased: all of them or, when something fails, none. The documents are kept as they
 * came, so that they can be given on unchanged; dockerd does not know them.
 *
 * @returns for each image whether it or one of its names is new, or moved
 */
export function commitImages(store: Store, images: readonly ImageToCommit[]): Promise<boolean[]> {
  return store.exclusive(() => {
    const { root } = store;
    const before = readRepositories(root);
    const db = openImageDb(root);
    const unknown = images.map(({ resolved }) => resolved.image).filter((id) => db.get(id) === undefined);
    const after = orNothing(root, unknown, () => {
      for (const { resolved } of images) {
        keepDocuments(root, resolved);
        db.put(resolved.configBytes);
      }
      return updateRepositories(root, (names) => images.reduce(withNames, names));
    });
    const isNew = ({ resolved, names }: ImageToCommit) =>
      unknown.includes(resolved.image) ||
      names.some((one) => lookUp(before, one.name, keyOf(one)) !== lookUp(after, one.name, keyOf(one)));
    return images.map(isNew);
  });
}

/** The key of a name in `repositories.json`. */
export function keyOf(name: NewName): string {
  return 'tag' in name ? `${name.name}:${name.tag}` : `${name.name}@${name.digest}`;
}

function withNames(repositories: Repositories, { resolved, names }: ImageToCommit): Repositories {
  return names.reduce(
    (all, one) =>
      'tag' in one
        ? setTag(all, one.name, one.tag, resolved.image)
        : addDigest(all, one.name, one.digest, resolved.image),
    repositories,
  );
}

/** A config without a name would be listed as an image: if something fails, those that are new go again. */
function orNothing<T>(root: string, unknown: readonly ImageId[], write: () => T): T {
  try {
    return write();
  } catch (error) {
    // The names may be there although writing them failed: it is the last step, the sync of their directory, that did.
    const named = new Set([...readRepositories(root).values()].flatMap((keys) => [...keys.values()]));
    for (const image of unknown.filter((id) => !named.has(id))) {
      openImageDb(root).remove(image);
      rmSync(manifestsDir(root, hexOf(image)), { recursive: true, force: true });
    }
    throw error;
  }
}

/** Index and manifest byte for byte, so that they can be given on unchanged. */
export function keepDocuments(root: string, { image, documents }: Pick<ResolvedImage, 'image' | 'documents'>): void {
  if (documents.length === 0) return;
  const dir = manifestsDir(root, hexOf(image));
  // Not the recursive mkdir of Node: where a disk is read-only or broken, it says that there is no such directory.
  for (const path of [dirname(dir), dir]) ensureDirectory(path, 0o700);
  for (const { digest, bytes } of documents) writeFileDurably(join(dir, hexOf(digest)), bytes, 0o600);
}
