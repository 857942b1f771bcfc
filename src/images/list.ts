/** What `ls` lists: which images, in which order, and one row for each of their names. */
import type { ImageRecord } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { type ImageName, namesByImage } from '../../store/images/repositories.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { type ChainId, chainIdsOf, type ImageId } from '../../store/oci/digest.js';
import type { ImageIndex } from './find.js';
import { parseGoTime, unixSeconds } from './go-time.js';
import { member } from './image-fields.js';
import { type FilterList, imageFilters } from './image-filters.js';

export interface ListedImage {
  id: ImageId;
  /** Seconds since 1970; the year 1 when the image does not say. */
  created: number;
  /** Bytes of all layers. */
  size: number;
  /** Names with a tag, in Docker's order. */
  tags: readonly ImageName[];
  /** Names with a manifest digest. */
  digests: readonly ImageName[];
}

export interface ListOptions {
  /** Also untagged images that others were built from. */
  all?: boolean;
  filters?: FilterList;
  /** Milliseconds since 1970. */
  now?: number;
}

/** Newest first; images of the same second by their id. */
export function listImages(index: ImageIndex, options: ListOptions = {}): ListedImage[] {
  const filters = imageFilters(index, options.filters ?? [], options.now ?? Date.now());
  const names = namesByImage(index.repositories);
  const images = index.images.list();
  const parents = new Set(images.map(({ id }) => index.images.parent(id)));
  const sizeOf = layerSizes(index.root);
  const listed: ListedImage[] = [];
  for (const image of images) {
    if (!filters.acceptsImage(image)) continue;
    if (filters.dangling === true && parents.has(image.id)) continue;
    const own = (names.get(image.id) ?? []).filter((name) => filters.acceptsName?.(name) ?? true);
    const tags = own.filter(({ tag }) => tag !== undefined);
    if (own.length === 0) {
      if (filters.dangling === false || filters.acceptsName !== undefined) continue;
      if (!options.all && parents.has(image.id)) continue;
    } else if (filters.dangling === true && tags.length > 0) continue;
    const size = sizeOf(image);
    // dockerd does not know images whose layers are not all there.
    if (size === undefined) continue;
    const created = unixSeconds(parseGoTime(member(image.document, 'created')));
    listed.push({ id: image.id, created, size, tags, digests: own.filter(({ digest }) => digest !== undefined) });
  }
  return listed.sort((a, b) => b.created - a.created || (a.id < b.id ? -1 : 1));
}

/** Images share layers, so each layer's record is read once. Undefined when a layer is missing. */
function layerSizes(root: string): (image: ImageRecord) => number | undefined {
  const known = new Map<ChainId, number | undefined>();
  const sizeOf = (chainId: ChainId): number | undefined => {
    if (!known.has(chainId)) known.set(chainId, readLayer(root, chainId)?.size);
    return known.get(chainId);
  };
  return (image) => {
    let sum = 0;
    if (topLayerOf(image) === undefined) return 0;
    for (const chainId of chainIdsOf(image.diffIds)) {
      const size = sizeOf(chainId);
      if (size === undefined) return undefined;
      sum += size;
    }
    return sum;
  };
}

export interface ImageRow {
  image: ListedImage;
  /** `<none>` where there is none, as in the other two. */
  repository: string;
  tag: string;
  digest: string;
}

const none = '<none>';

export interface RowOptions {
  /** Rows of a tag multiply: one for each digest of its repository. */
  tagDigests: boolean;
  /** So do rows of a repository without a tag; otherwise they show no digest, which is Docker's way with templates. */
  ownDigests: boolean;
}

export function imageRows(image: ListedImage, { tagDigests, ownDigests }: RowOptions): ImageRow[] {
  const { tags, digests } = image;
  if (tags.length === 0 && digests.length === 0) return [{ image, repository: none, tag: none, digest: none }];
  const rows: ImageRow[] = [];
  for (const name of new Set(tags.map((tag) => tag.name))) {
    const own = tagDigests ? digests.filter((digest) => digest.name === name) : [];
    for (const { tag = none } of tags.filter((other) => other.name === name)) {
      const shown = own.length === 0 ? [none] : own.map(({ digest = none }) => digest);
      for (const digest of shown) rows.push({ image, repository: name, tag, digest });
    }
  }
  const tagged = new Set(tags.map(({ name }) => name));
  const rest = digests.filter(({ name }) => !tagged.has(name));
  for (const name of new Set(rest.map((digest) => digest.name))) {
    const own = rest.filter((other) => other.name === name);
    const shown = ownDigests ? own.map(({ digest = none }) => digest) : [''];
    for (const digest of shown) rows.push({ image, repository: name, tag: none, digest });
  }
  return rows;
}
