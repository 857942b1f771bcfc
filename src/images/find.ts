/** What a user's word for an image means: a name, an id, or the start of one. */
import { KnownError } from '../../store/errors.js';
import { type ImageDb, type ImageRecord, openImageDb } from '../../store/images/image-db.js';
import { lookUp, type Repositories } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import type { ImageId } from '../../store/oci/digest.js';
import { familiarName, familiarString, parseReference, type Reference, withDefaultTag } from '../reference.js';

/** What a command reads at its start, so that all its look-ups see one state. */
export interface ImageIndex {
  root: string;
  images: ImageDb;
  repositories: Repositories;
}

export function readImageIndex(root: string): ImageIndex {
  return { root, images: openImageDb(root), repositories: readRepositories(root) };
}

/**
 * Docker's rules: 64 digits and `sha256:` with 64 digits are ids; otherwise a name is tried first (a digest decides over
 * a tag, a missing tag is `latest`), then the start of an id.
 *
 * @throws KnownError `E_NO_IMAGE`, `E_REFERENCE` for what cannot be a name
 */
export function findImage(index: ImageIndex, text: string): ImageRecord {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (hex !== undefined) {
    const image = index.images.get(`sha256:${hex}` as ImageId);
    if (image === undefined) throw noSuchImage(`sha256:${hex}`);
    return image;
  }
  const reference = parseReference(text);
  const named = lookUp(index.repositories, familiarName(reference), keyOf(reference));
  const image = named === undefined ? undefined : index.images.get(named);
  if (image !== undefined) return image;
  const id = index.images.search(text);
  const found = id === undefined || id === 'ambiguous' ? undefined : index.images.get(id);
  if (found !== undefined) return found;
  const name = familiarString(withDefaultTag(reference));
  throw noSuchImage(name, id === 'ambiguous' ? 'several image ids start like that: give more digits' : undefined);
}

/** The key of a name in `repositories.json`; a digest decides over a tag. */
export function keyOf(reference: Reference): string {
  const { digest } = reference;
  return familiarString(digest === undefined ? withDefaultTag(reference) : { ...reference, tag: undefined });
}

function noSuchImage(name: string, hint?: string): KnownError {
  return new KnownError('E_NO_IMAGE', `No such image: ${name}`, hint === undefined ? {} : { hint });
}
