/** An image in an archive, a layout or a daemon's answer: its documents are read and verified, its layers are not. */
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { canonicalString, parseReference, type Reference, withDefaultTag } from '../../reference.js';
import type { NewName } from '../commit-image.js';
import type { LayerOrigin } from '../layer-origin.js';
import type { ResolvedImage } from '../resolve-image.js';

export interface FoundImage {
  /** With tags; none where the image is known by its id only. */
  readonly names: readonly Reference[];
  /** Under which it was pulled once, where the archive proves it. */
  readonly digests?: readonly NewName[];
  readonly resolved: ResolvedImage;
  readonly origin: LayerOrigin;
}

/** The name that a document gives an image, when it is one with a tag. */
export function readName(text: string): Reference | undefined {
  try {
    const { tag, ...name } = parseReference(text);
    return tag === undefined ? undefined : { ...name, tag, digest: undefined };
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_REFERENCE') return undefined;
    throw error;
  }
}

/** @throws KnownError E_REFERENCE, E_USAGE for a digest, by which nothing is found in an archive */
export function wishedName(text: string): Reference {
  const name = withDefaultTag(parseReference(text));
  if (name.digest === undefined) return name;
  throw new KnownError('E_USAGE', `"${printable(text, 300)}" has a digest, but images in archives are found by tag`);
}

export function isSameName(a: Reference | undefined, b: Reference | undefined): boolean {
  return a !== undefined && b !== undefined && canonicalString(a) === canonicalString(b);
}

/** One image for each config, with all names that it was found under. */
export function mergeById(images: readonly FoundImage[]): FoundImage[] {
  const merged = new Map<string, FoundImage>();
  for (const image of images) {
    const same = merged.get(image.resolved.image);
    const names = [...(same?.names ?? []), ...image.names];
    const distinct = names.filter((name, at) => names.findIndex((other) => isSameName(name, other)) === at);
    merged.set(image.resolved.image, { ...(same ?? image), names: distinct });
  }
  return [...merged.values()];
}

/** @throws KnownError E_NOT_FOUND that tells what there is */
export function noSuchImage(file: string, wished: string, there: readonly string[]): KnownError {
  const shown = there.slice(0, 10).map((name) => printable(name, 200));
  const hint = `it has ${shown.join(', ')}${there.length > shown.length ? ` and ${there.length - shown.length} more` : ''}`;
  return new KnownError(
    'E_NOT_FOUND',
    `"${printable(file, 300)}" has no image ${printable(wished, 300)}`,
    there.length === 0 ? {} : { hint },
  );
}
