/** Removing every image that nobody needs, by Docker's rules. */
import { reservesOf } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import { withReserve } from '../../store/fs/reserve.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { type ImageName, namesByImage } from '../../store/images/repositories.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../store/layers/lease.js';
import { type ChainId, chainIdsOf, type ImageId } from '../../store/oci/digest.js';
import { printable } from '../../store/printable.js';
import type { Store } from '../../store/store.js';
import { type ImageIndex, readImageIndex } from './find.js';
import { type FilterList, imageFilters } from './image-filters.js';
import { imageUsers } from './image-users.js';
import { listImages } from './list.js';
import { type RemovedItem, removeWithin } from './remove.js';
import { collectLostLayers } from './retention/lost-layers.js';

export interface PruneOptions {
  /** Also images with a tag, as long as no container stands on them. */
  all: boolean;
  /** `until`, `label` and `label!`. */
  filters: FilterList;
  signal: AbortSignal;
}

export interface Pruned {
  items: RemovedItem[];
  /** Bytes of the layers that are gone, as `ls` counts them. */
  freed: number;
}

/**
 * One image after the other, each in an exclusive section of its own that looks again whether nobody needs it: pulls and runs get their turn
 * between them, and what they take in the meantime stays. Layers that a running pull relies on stay in any case.
 *
 * @throws KnownError E_USAGE for a filter that means nothing, before anything is removed
 */
export async function pruneImages(store: Store, { all, filters, signal }: PruneOptions): Promise<Pruned> {
  const index = readImageIndex(store.root);
  const accepts = pruneFilters(index, filters, Date.now());
  const pruned = await collectLostLayers(store);
  for (const { id } of listImages(index)) {
    const image = index.images.get(id);
    if (image === undefined || !accepts(image)) continue;
    signal.throwIfAborted();
    const { items, freed } = await store.exclusive(() => pruneOne(store.root, id, all));
    pruned.items.push(...items);
    pruned.freed += freed;
  }
  return pruned;
}

const nothing = (): Pruned => ({ items: [], freed: 0 });

function pruneOne(root: string, id: ImageId, all: boolean): Pruned {
  const index = readImageIndex(root);
  const image = index.images.get(id);
  const names = namesByImage(index.repositories).get(id) ?? [];
  return image === undefined || isNeeded(root, image, names, all) ? nothing() : removeAll(root, image, names);
}

/** All names, and with the last one the image, inside the store's exclusive section. */
export function removeAll(root: string, { id, diffIds }: ImageRecord, names: readonly ImageName[]): Pruned {
  const sizes = new Map(chainIdsOf(diffIds).map((chainId) => [chainId as string, readLayer(root, chainId)?.size]));
  const words = names.length === 0 ? [id] : names.map(({ key }) => key);
  const items = words.flatMap((word) => removeUnlessNeeded(root, word));
  const freed = items.reduce((sum, item) => sum + (('deleted' in item && sizes.get(item.deleted)) || 0), 0);
  return { items, freed };
}

function isNeeded(root: string, image: ImageRecord, names: readonly ImageName[], all: boolean): boolean {
  if (!all && names.some(({ tag }) => tag !== undefined)) return true;
  return imageUsers(root).some((user) => user.image === image.id) || isReliedOn(root, topLayerOf(image));
}

/** A pull, a save or the start of a container is at work with its layers. */
export function isReliedOn(root: string, top: ChainId | undefined): boolean {
  if (top === undefined) return false;
  using hold = withReserve(reservesOf(root), () => tryHoldLayer(root, top, 'exclusive'));
  return hold === undefined;
}

/** A name may have gone together with the one before it; what other images are built from stays. */
function removeUnlessNeeded(root: string, word: string): RemovedItem[] {
  try {
    return removeWithin(root, word);
  } catch (error) {
    if (error instanceof KnownError && (error.code === 'E_CONFLICT' || error.code === 'E_NO_IMAGE')) return [];
    throw error;
  }
}

const known = ['until', 'label', 'label!'];

/** `label!` passes over images that have all these labels. @throws KnownError E_USAGE for a filter that means nothing */
export function pruneFilters(index: ImageIndex, list: FilterList, now: number): (image: ImageRecord) => boolean {
  for (const [name] of list)
    if (!known.includes(name)) throw new KnownError('E_USAGE', `invalid filter '${printable(name, 100)}'`);
  const unwanted = list.flatMap(([name, value]): FilterList => (name === 'label!' ? [['label', value]] : []));
  const wanted = imageFilters(
    index,
    list.filter(([name]) => name !== 'label!'),
    now,
  );
  const refused = imageFilters(index, unwanted, now);
  return (image) => wanted.acceptsImage(image) && (unwanted.length === 0 || !refused.acceptsImage(image));
}
