/** Which images a push is about, and what must not go meanwhile. */
import { isDataRoot } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import type { HeldLock } from '../../store/fs/lock.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { lookUp } from '../../store/images/repositories.js';
import { sourcesOf } from '../../store/layers/distribution.js';
import { holdLayer } from '../../store/layers/lease.js';
import { chainIdsOf } from '../../store/oci/digest.js';
import type { ImageIndex } from '../images/find.js';
import { familiarName, type Reference } from '../reference.js';

export interface NamedImage {
  reference: Reference;
  image: ImageRecord;
}

/** In Docker's words: it tells whether the repository is known. */
export function imagesNamed(
  { repositories, images }: ImageIndex,
  reference: Reference,
  allTags: boolean,
): NamedImage[] {
  const name = familiarName(reference);
  const keys = [...(repositories.get(name)?.keys() ?? [])].filter((key) => key.startsWith(`${name}:`));
  if (keys.length === 0 && !repositories.has(name))
    throw new KnownError('E_NO_IMAGE', `An image does not exist locally with the tag: ${name}`);
  const tags = allTags ? keys.map((key) => key.slice(name.length + 1)).sort() : [reference.tag ?? 'latest'];
  return tags.flatMap((tag): NamedImage[] => {
    const id = lookUp(repositories, name, `${name}:${tag}`);
    const image = id === undefined ? undefined : images.get(id);
    if (image === undefined) throw new KnownError('E_NO_IMAGE', `tag does not exist: ${name}:${tag}`);
    return [{ reference: { ...reference, tag }, image }];
  });
}

/** No layer of them is removed by our programs meanwhile. */
export async function holdLayers(
  root: string,
  images: readonly ImageRecord[],
  signal: AbortSignal,
): Promise<Disposable> {
  const held: HeldLock[] = [];
  const release = () => {
    for (const lock of held) lock.release();
  };
  try {
    if (isDataRoot(root))
      for (const chainId of new Set(images.flatMap(({ diffIds }) => chainIdsOf(diffIds))))
        held.push(await holdLayer(root, chainId, 'shared', { signal }));
    return { [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

/** So many other repositories a token is asked for at most. */
const MOST_MOUNTABLE = 10;

/** Repositories that layers may be mounted from. */
export function mountable(root: string, images: readonly ImageRecord[], { domain, path }: Reference): string[] {
  const repositories = images.flatMap(({ diffIds }) =>
    diffIds.flatMap((diffId) => sourcesOf(root, diffId).map(({ repository }) => repository)),
  );
  const others = repositories
    .filter((repository) => repository.startsWith(`${domain}/`) && repository !== `${domain}/${path}`)
    .map((repository) => repository.slice(domain.length + 1));
  return [...new Set(others)].slice(0, MOST_MOUNTABLE);
}
