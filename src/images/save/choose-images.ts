/** What is to be saved, by the names that were given. */
import { KnownError } from '../../../store/errors.js';
import type { ImageRecord } from '../../../store/images/image-db.js';
import { lookUp, namesByImage } from '../../../store/images/repositories.js';
import type { ImageId } from '../../../store/oci/digest.js';
import { familiarName, parseReference, type Reference } from '../../reference.js';
import { findImage, type ImageIndex, keyOf } from '../find.js';

export interface ChosenImage {
  image: ImageRecord;
  /** `name:tag` in familiar form: those that were asked for, none where it was asked for by id. */
  tags: string[];
  /** `name@digest`: all that it has, whatever was asked for. */
  digests: string[];
}

/**
 * As Docker: a name without a tag means all tags of it; an image that is asked for by id or digest is saved without a name. Each image is
 * there once, in the order in which they are mentioned.
 *
 * @throws KnownError E_NO_IMAGE, E_REFERENCE
 */
export function chooseImages(index: ImageIndex, texts: readonly string[]): ChosenImage[] {
  const names = namesByImage(index.repositories);
  const chosen = new Map<ImageId, ChosenImage>();
  for (const text of texts) {
    for (const { image, tag } of meantBy(index, text)) {
      const own = (names.get(image.id) ?? []).flatMap(({ key, digest }) => (digest === undefined ? [] : [key]));
      const one = chosen.get(image.id) ?? { image, tags: [], digests: own };
      if (tag !== undefined && !one.tags.includes(tag)) one.tags.push(tag);
      chosen.set(image.id, one);
    }
  }
  return [...chosen.values()];
}

interface Meant {
  image: ImageRecord;
  tag?: string;
}

function meantBy(index: ImageIndex, text: string): Meant[] {
  const reference = nameIn(text);
  if (reference === undefined) return [{ image: findImage(index, text) }];
  const name = familiarName(reference);
  if (reference.tag === undefined && reference.digest === undefined) {
    const all = [...(index.repositories.get(name) ?? [])].flatMap(([key, id]): Meant[] => {
      const image = key.startsWith(`${name}:`) ? index.images.get(id) : undefined;
      return image === undefined ? [] : [{ image, tag: key }];
    });
    if (all.length > 0) return all;
  }
  const image = findImage(index, text);
  const key = keyOf(reference);
  const isTag = reference.digest === undefined && lookUp(index.repositories, name, key) === image.id;
  return [isTag ? { image, tag: key } : { image }];
}

/** Undefined for what can only be an id. */
function nameIn(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_REFERENCE') return undefined;
    throw error;
  }
}
