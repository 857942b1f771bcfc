import { lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { storeLockPath } from '../../../store/data-root.js';
import { KnownError } from '../../../store/errors.js';
import { acquire, removeLockFile, tryAcquire } from '../../../store/fs/lock.js';
import { randomId } from '../../../store/fs/random-id.js';
import { removeTree } from '../../../store/fs/remove-tree.js';
import type { ContainerRecord } from '../container-record.js';
import { listContainers } from '../list-containers.js';
import {
  ANONYMOUS,
  findVolume,
  forgetLabels,
  makeVolumeFolders,
  newVolumesDir,
  type Volume,
  volumeExists,
  volumesDir,
} from './volume-files.js';

/** The ids of the containers that use a volume, whether they run or not. */
export function usersOfVolume(name: string, containers: readonly ContainerRecord[]): string[] {
  const uses = ({ mounts = [] }: ContainerRecord): boolean =>
    mounts.some((mount) => mount.type === 'volume' && mount.name === name);
  return containers.filter(uses).map(({ id }) => id);
}

/** @throws KnownError E_NO_VOLUME; E_CONFLICT when a container uses it */
export async function removeVolume(root: string, name: string): Promise<void> {
  using _lock = await acquire(storeLockPath(root), 'exclusive');
  findVolume(root, name);
  const users = usersOfVolume(name, listContainers(root));
  if (users.length > 0) throw new KnownError('E_CONFLICT', `remove ${name}: volume is in use - [${users.join(', ')}]`);
  destroy(root, name);
}

export interface Pruned {
  removed: string[];
  /** Of all files that are gone. */
  bytes: number;
}

/**
 * Removes those of the volumes that no container uses.
 *
 * @param named also those that somebody gave a name
 */
export async function pruneVolumes(root: string, volumes: readonly Volume[], named: boolean): Promise<Pruned> {
  const wanted = volumes.filter(({ labels = {} }) => named || Object.hasOwn(labels, ANONYMOUS));
  const pruned: Pruned = { removed: [], bytes: 0 };
  if (wanted.length === 0) return pruned;
  using _lock = await acquire(storeLockPath(root), 'exclusive');
  const containers = listContainers(root);
  for (const { name, mountpoint } of wanted) {
    if (!volumeExists(root, name) || usersOfVolume(name, containers).length > 0) continue;
    pruned.bytes += bytesBelow(mountpoint);
    destroy(root, name);
    pruned.removed.push(name);
  }
  return pruned;
}

/** Every file once, whatever the number of its names; directories count nothing. What is too deep for a path is not counted. */
function bytesBelow(top: string): number {
  const seen = new Set<number>();
  let bytes = 0;
  const waiting = [Buffer.from(top)];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      if (path.length > LONGEST_PATH) continue;
      const stats = lstatSync(path);
      if (stats.isDirectory()) waiting.push(path);
      else if (!seen.has(stats.ino)) bytes += stats.size;
      seen.add(stats.ino);
    }
  }
  return bytes;
}

/** PATH_MAX without the final NUL. */
const LONGEST_PATH = 4095;

const pause = new Int32Array(new SharedArrayBuffer(4));
/** How long somebody else may hold the store's lock; then the volumes stay, for a prune. */
const PATIENCE_MS = 2000;
const LOOK_MS = 10;

/** Removes the volumes of a container that nobody gave a name, unless another container uses them. For one that is being removed. */
export function removeAnonymousVolumes(root: string, record: ContainerRecord): void {
  const names = anonymousVolumes(record).filter((name) => volumeExists(root, name));
  if (names.length === 0) return;
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
    using lock = tryAcquire(storeLockPath(root), 'exclusive');
    if (lock !== undefined) {
      const others = listContainers(root).filter(({ id }) => id !== record.id);
      for (const name of names) if (usersOfVolume(name, others).length === 0) destroy(root, name);
      return;
    }
    Atomics.wait(pause, 0, 0, LOOK_MS);
  }
}

/** From one moment to the next it is no volume any more; what a kill leaves is swept as a volume that was never ready. */
function destroy(root: string, name: string): void {
  makeVolumeFolders(root);
  const going = join(newVolumesDir(root), randomId());
  using lock = tryAcquire(`${going}.lock`, 'exclusive');
  if (lock === undefined) throw new Error(`somebody else holds the new lock ${going}.lock`);
  renameSync(join(volumesDir(root), name), going);
  forgetLabels(root, name);
  removeTree(going);
  removeLockFile(`${going}.lock`);
}

/** The volumes of a container that nobody gave a name. */
function anonymousVolumes({ mounts = [] }: Pick<ContainerRecord, 'mounts'>): string[] {
  return mounts.flatMap((mount) => (mount.type === 'volume' && mount.anonymous ? [mount.name] : []));
}
