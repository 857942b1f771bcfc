import { chownSync, closeSync, constants, openSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { storeLockPath } from '../../../store/data-root.js';
import { copyTree, type Owner } from '../../../store/fs/copy-tree.js';
import { makeDirectory } from '../../../store/fs/exact-mode.js';
import { acquire, removeLockFile, tryAcquire } from '../../../store/fs/lock.js';
import { randomId } from '../../../store/fs/random-id.js';
import { removeTree } from '../../../store/fs/remove-tree.js';
import {
  ANONYMOUS,
  checkVolumeName,
  dataDir,
  makeVolumeFolders,
  newVolumesDir,
  volumeExists,
  volumesDir,
  writeLabels,
} from './volume-files.js';

export interface NewVolume {
  name: string;
  labels?: Record<string, string>;
  /** A directory whose content an empty volume gets, with its owner and mode; a descriptor. */
  fillFrom?: number | undefined;
  /** Whose files are that are somebody's of the image, where that is not the same. */
  owner?: ((ofImage: Owner) => Owner) | undefined;
}

/**
 * Makes a volume unless it is there; an existing one that is empty is filled as well. A new one is filled before anybody sees it.
 * Whoever uses it has said so before (a container's record), so that nobody removes it in between.
 */
export async function ensureVolume(root: string, volume: NewVolume): Promise<void> {
  const { name, fillFrom, owner } = volume;
  checkVolumeName(name);
  makeVolumeFolders(root);
  sweepNewVolumes(root);
  if (!volumeExists(root, name) && (await publish(root, volume))) return;
  using _lock = await acquire(storeLockPath(root), 'exclusive');
  if (fillFrom !== undefined && readdirSync(dataDir(root, name)).length === 0)
    fill(dataDir(root, name), fillFrom, owner);
}

/** False when somebody else made it meanwhile. */
async function publish(root: string, { name, labels = {}, fillFrom, owner }: NewVolume): Promise<boolean> {
  const id = randomId();
  const dir = join(newVolumesDir(root), id);
  using _own = await acquire(`${dir}.lock`, 'exclusive');
  try {
    makeDirectory(dir, 0o701);
    makeDirectory(join(dir, '_data'), 0o755);
    const top = owner?.({ uid: 0, gid: 0 });
    if (top !== undefined) chownSync(join(dir, '_data'), top.uid, top.gid);
    if (fillFrom !== undefined) fill(join(dir, '_data'), fillFrom, owner);
    using _lock = await acquire(storeLockPath(root), 'exclusive');
    if (volumeExists(root, name)) return false;
    // Labels without a volume mean nothing; the volume appears with them.
    writeLabels(root, name, labels);
    renameSync(dir, join(volumesDir(root), name));
    return true;
  } finally {
    removeTree(dir);
    removeLockFile(`${dir}.lock`);
  }
}

/** What killed processes left half made. */
function sweepNewVolumes(root: string): void {
  const folder = newVolumesDir(root);
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.lock')) continue;
    using lock = tryAcquire(join(folder, name), 'exclusive');
    if (lock === undefined) continue;
    removeTree(join(folder, name.slice(0, -'.lock'.length)));
    removeLockFile(join(folder, name));
  }
}

function fill(target: string, source: number, owner: NewVolume['owner']): void {
  const fd = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    copyTree(source, fd, { owner });
  } finally {
    closeSync(fd);
  }
}

/**
 * An empty volume, unless there is one of that name already.
 *
 * @param name without one it is anonymous and gets a random name
 * @returns the name
 */
export async function createVolume(root: string, name?: string, labels: Record<string, string> = {}): Promise<string> {
  const chosen = name || randomId();
  await ensureVolume(root, { name: chosen, labels: name ? labels : { ...labels, [ANONYMOUS]: '' } });
  return chosen;
}
