/** The images of a data root, for programs. */
import { defaultRoot, openForReading, openForWriting } from '../../store/store.js';
import { findImage, readImageIndex } from '../images/find.js';
import type { FilterList } from '../images/image-filters.js';
import { jsonView } from '../images/inspect.js';
import { type ListedImage, type ListOptions, listImages } from '../images/list.js';
import { type RemovedItem, type RemoveOptions, removeImage } from '../images/remove.js';
import type { RetentionPlan } from '../images/retention/plan-retention.js';
import type { RetentionPolicy } from '../images/retention/policy.js';
import { planPrune, retainImages } from '../images/retention/retain.js';
import { tagImage } from '../images/tag.js';
import { jsonText } from '../template/json-text.js';

export interface RootOption {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
}

export interface PruneImagesOptions extends RootOption {
  /** Also images with a tag. A policy that decides by number, use or size means them anyway. */
  all?: boolean;
  /** `until`, `label` and `label!`. */
  filters?: FilterList;
  policy?: RetentionPolicy;
  /** Removes nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface PrunedImages {
  items: RemovedItem[];
  /** Bytes of the layers that are gone. */
  freed: number;
  /** What would be done; after a removal, what is left and why. */
  plan: RetentionPlan;
}

const indexOf = ({ root }: RootOption) => readImageIndex(openForReading(root ?? defaultRoot()).root);

export const images = {
  /** Newest first. */
  list: (options: ListOptions & RootOption = {}): ListedImage[] => listImages(indexOf(options), options),

  /** What `docker image inspect` shows, GraphDriver included. @throws KnownError E_NO_IMAGE, E_CONFLICT */
  inspect(name: string, options: RootOption = {}): Record<string, unknown> {
    const index = indexOf(options);
    return JSON.parse(jsonText(jsonView(index, findImage(index, name))));
  },

  /** Gives an image another name. @throws KnownError E_NO_IMAGE, E_REFERENCE */
  async tag(source: string, target: string, options: RootOption = {}): Promise<void> {
    using store = await openForWriting(options.root ?? defaultRoot());
    await tagImage(store, source, target);
  },

  /** Removes a name, and the image with its layers when that was the last one. @throws KnownError E_NO_IMAGE, E_CONFLICT */
  async remove(name: string, options: RemoveOptions & RootOption = {}): Promise<RemovedItem[]> {
    using store = await openForWriting(options.root ?? defaultRoot());
    return await removeImage(store, name, options);
  },

  /** Removes images that nobody needs, and those that a policy does not keep. @throws KnownError E_USAGE */
  async prune(options: PruneImagesOptions = {}): Promise<PrunedImages> {
    const { root = defaultRoot(), all = false, filters = [], policy = {}, dryRun = false } = options;
    const { signal = new AbortController().signal } = options;
    if (dryRun) return { items: [], freed: 0, plan: planPrune(openForReading(root).root, { all, filters, policy }) };
    using store = await openForWriting(root, signal);
    const { items, freed, left } = await retainImages(store, { all, filters, policy, signal });
    return { items, freed, plan: left };
  },
};
