/** The rows of `tscontainer ps`. */
import { KnownError } from '../../store/errors.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { listContainers } from '../containers/list-containers.js';
import { trueRecord } from '../containers/true-state.js';
import { findImage, type ImageIndex, readImageIndex } from '../images/find.js';
import { shortId } from '../images/human.js';
import type { FilterList } from '../images/image-filters.js';
import { imageSize } from '../images/inspect.js';
import { writableSize } from './container-facts.js';
import { containerFilters } from './container-filters.js';

export interface ListWish {
  /** Also those that do not run. */
  all: boolean;
  filters: FilterList;
  /** At most this many, the newest, whatever they do; 0 for no limit. */
  last: number;
}

export interface Listing {
  /** Newest first, in their true states. */
  records: ContainerRecord[];
  index: () => ImageIndex;
}

export function listForPs(root: string, { all, filters, last }: ListWish): Listing {
  let read: ImageIndex | undefined;
  const index = (): ImageIndex => (read ??= readImageIndex(root));
  const chosen = containerFilters(root, index, filters);
  const showsAll = all || last > 0 || chosen.all;
  const records = listContainers(root)
    .map((record) => trueRecord(root, record))
    .filter(({ state }) => showsAll || ['running', 'paused', 'restarting'].includes(state))
    .filter((record) => chosen.accepts(record));
  return { records: last > 0 ? records.slice(0, last) : records, index };
}

/** The name that was used, as long as it means the same image; else the image's id. */
export function imageText(index: ImageIndex, { image }: ContainerRecord, trunc: boolean): string {
  try {
    if (findImage(index, image.name).id === image.id) return image.name;
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
  }
  return trunc ? shortId(image.id) : image.id;
}

/** Bytes: its own files, and these with the image's. */
export function sizesOf(index: ImageIndex, record: ContainerRecord): { own: number; total: number } {
  const own = writableSize(index.root, record);
  const image = index.images.list().find(({ id }) => id === record.image.id);
  return { own, total: own + (image === undefined ? 0 : imageSize(index.root, image)) };
}
