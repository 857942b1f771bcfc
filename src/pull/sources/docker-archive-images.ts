/** The images of a docker-archive: all of them as `docker load` takes them, or the one that was asked for. */
import { readBundleBase } from '../../../store/archive/bundle-base.js';
import {
  type ArchivedImage,
  type ListedImage,
  listArchivedImages,
  openArchivedImage,
} from '../../../store/archive/docker-archive.js';
import { documentsOf, type ImageFiles } from '../../../store/archive/image-files.js';
import { KnownError } from '../../../store/errors.js';
import { readChain } from '../../../store/layers/layer-db.js';
import type { Descriptor } from '../../../store/oci/descriptor.js';
import type { ChainId, Digest } from '../../../store/oci/digest.js';
import { printable } from '../../../store/printable.js';
import { canonicalString, type Reference } from '../../reference.js';
import { type FileBody, fileOrigin } from '../layer-origin.js';
import { type FoundImage, isSameName, mergeById, noSuchImage, readName, wishedName } from './found-image.js';
import { keptManifests } from './kept-manifests.js';
import { madeDescriptor, withMadeManifest } from './made-manifest.js';
import type { ImageWish } from './source-name.js';

/**
 * @param root that the images are pulled into: a bundle relies on layers that it has
 * @throws KnownError of the store's reader, E_NOT_FOUND, E_BUNDLE
 */
export function findInDockerArchive(files: ImageFiles, wish: ImageWish | undefined, root: string): FoundImage[] {
  const documents = documentsOf(files);
  const base = readBundleBase(files, documents);
  if (base !== undefined) refuseWithoutBase(files, base, root);
  const chosen = choose(files, listArchivedImages(files, documents), wish);
  const found = chosen.map(({ names, ...listed }): FoundImage => {
    const image = openArchivedImage(files, documents, listed, base);
    const { resolved, origin } = describe(image);
    const kept = keptManifests({ files, documents }, listed.digests, resolved.image);
    return { names, digests: kept.names, resolved: { ...resolved, documents: kept.documents }, origin };
  });
  const merged = mergeById(found);
  refuseSharedNames(merged);
  return merged;
}

/** Before anything is written. */
function refuseWithoutBase(files: ImageFiles, base: ReadonlySet<ChainId>, root: string): void {
  const lacking = [...base].filter((chainId) => readChain(root, chainId) === undefined);
  if (lacking.length > 0) throw withoutBase(files.name, lacking, root);
}

const MOST_NAMED = 5;

function withoutBase(bundle: string, lacking: readonly string[], root: string): KnownError {
  const named = lacking.slice(0, MOST_NAMED).join(', ');
  const more = lacking.length > MOST_NAMED ? ` and ${lacking.length - MOST_NAMED} more` : '';
  return new KnownError(
    'E_BUNDLE',
    `the bundle "${printable(bundle, 300)}" was made for a root that has the layers ${named}${more}, which "${printable(root, 300)}" lacks`,
    { hint: 'make it for the state of this root (tsimage state), or without --for, which puts every layer in' },
  );
}

type NamedImage = ListedImage & { names: readonly Reference[] };

function choose(files: ImageFiles, all: readonly ListedImage[], wish: ImageWish | undefined): NamedImage[] {
  const there = all.flatMap(({ tags }) => tags);
  if (wish === undefined) {
    if (all.length === 0) throw noSuchImage(files.name, 'at all', []);
    return all.map(withNames);
  }
  if ('place' in wish) {
    const image = all[wish.place];
    if (image === undefined) throw noSuchImage(files.name, `@${wish.place}`, [`${all.length} images`]);
    return [withNames(image)];
  }
  const name = wishedName(wish.name);
  const named = all.filter(({ tags }) => tags.some((tag) => isSameName(readName(tag), name)));
  const [first] = all;
  // A single image without a name gets the one that was asked for.
  if (first !== undefined && all.length === 1 && first.tags.length === 0) named.push(first);
  if (named.length === 0) throw noSuchImage(files.name, wish.name, there);
  return named.map((image) => ({ ...image, names: [name] }));
}

function withNames(image: ListedImage): NamedImage {
  const names = image.tags.map((tag) => {
    const name = readName(tag);
    if (name !== undefined) return name;
    throw new KnownError('E_DOCUMENT', `manifest.json: "${printable(tag, 300)}" is no name with a tag`);
  });
  return { ...image, names };
}

/** Which image would keep the name depends on the order of reading. */
function refuseSharedNames(images: readonly FoundImage[]): void {
  const owners = new Set<string>();
  for (const name of images.flatMap(({ names }) => names.map(canonicalString))) {
    if (owners.has(name)) throw new KnownError('E_DOCUMENT', `manifest.json calls two images ${printable(name, 300)}`);
    owners.add(name);
  }
}

/** Layers are named by the digest of their file where that is known, else of what is in it. */
function describe({ configBytes, config, layers }: ArchivedImage): Pick<FoundImage, 'resolved' | 'origin'> {
  const bodies = new Map<Digest, FileBody>();
  const descriptors = layers.map(({ diffId, digest, range }): Descriptor => {
    const label = digest ?? (diffId as string as Digest);
    const body = bodies.get(label) ?? (range === undefined ? undefined : { range, digest });
    if (body !== undefined) bodies.set(label, body);
    return madeDescriptor(label, body?.range.size ?? 0);
  });
  const resolved = withMadeManifest(configBytes, config, descriptors);
  const origin = fileOrigin((label) => {
    const body = bodies.get(label);
    if (body === undefined)
      throw new KnownError('E_BUNDLE', `layer ${label}, which the bundle relies on, was removed meanwhile`);
    return body;
  });
  return { resolved, origin };
}
