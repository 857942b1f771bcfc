/** Volumes of a data root. */
import { defaultRoot, openForReading, openForRunning } from '../../store/store.js';
import { listContainers } from '../containers/list-containers.js';
import { createVolume } from '../containers/volumes/create-volume.js';
import { type Pruned, pruneVolumes, removeVolume, usersOfVolume } from '../containers/volumes/remove-volume.js';
import { findVolume, listVolumes, type Volume } from '../containers/volumes/volume-files.js';
import type { RootOption } from './images.js';

const readingRoot = ({ root }: RootOption): string => openForReading(root ?? defaultRoot()).root;

export const volumes = {
  /** Makes it, unless it is there; without a name it gets one. @returns its name */
  async create(
    name?: string,
    { root, labels = {} }: RootOption & { labels?: Record<string, string> } = {},
  ): Promise<string> {
    using store = await openForRunning(root ?? defaultRoot());
    return await createVolume(store.root, name, labels);
  },

  list: (options: RootOption = {}): Volume[] => listVolumes(readingRoot(options)),

  /** @throws KnownError E_NO_VOLUME */
  inspect: (name: string, options: RootOption = {}): Volume => findVolume(readingRoot(options), name),

  /** @throws KnownError E_NO_VOLUME, and E_CONFLICT while a container has it */
  async remove(name: string, { root }: RootOption = {}): Promise<void> {
    using store = await openForRunning(root ?? defaultRoot());
    await removeVolume(store.root, name);
  },

  /** Removes those that no container has: those that nobody gave a name, with `all` the others too. */
  async prune({ root, all = false }: RootOption & { all?: boolean } = {}): Promise<Pruned> {
    using store = await openForRunning(root ?? defaultRoot());
    const containers = listContainers(store.root);
    const unused = listVolumes(store.root).filter(({ name }) => usersOfVolume(name, containers).length === 0);
    return await pruneVolumes(store.root, unused, all);
  },
};
