/** A second name for an image. */
import { KnownError } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import { setTag } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import type { Store } from '../../store/store.js';
import { familiarName, parseReference, type Reference, withDefaultTag } from '../reference.js';
import { findImage, readImageIndex } from './find.js';

/** @throws KnownError `E_REFERENCE`, `E_NO_IMAGE` */
export async function tagImage(store: Store, source: string, target: string): Promise<void> {
  checkName(source);
  const reference = checkName(target);
  if (reference.digest !== undefined)
    throw new KnownError('E_REFERENCE', 'refusing to create a tag with a digest reference');
  const name = familiarName(reference);
  if (name === 'sha256')
    throw new KnownError('E_REFERENCE', 'refusing to create an ambiguous tag using digest algorithm as name');
  const tag = withDefaultTag(reference).tag ?? 'latest';
  await store.exclusive(() => {
    const { id } = findImage(readImageIndex(store.root), source);
    updateRepositories(store.root, (repositories) => setTag(repositories, name, tag, id));
    openImageDb(store.root).setLastUpdated(id, new Date());
  });
}

/** Ids are names too as far as this check goes. */
function checkName(text: string): Reference {
  if (/^[0-9a-f]{64}$/.test(text))
    return { domain: 'docker.io', path: `library/${text}`, tag: undefined, digest: undefined };
  try {
    return parseReference(text);
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    const message = `error parsing reference: "${text}" is not a valid repository/tag: ${cause.message}`;
    throw new KnownError('E_REFERENCE', message, { cause });
  }
}
