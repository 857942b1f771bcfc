/** What a container changed of its image's files, read from its writable layer: what `docker diff` shows. */
import { closeSync, constants, lstatSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { AT_FDCWD, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS } from '../../../store/linux/flags.js';
import { openAt, openAt2 } from '../../../store/linux/inode.js';
import { cstring } from '../../../store/linux/libc.js';
import { mountOverlay } from '../../../store/linux/overlay.js';
import { getXattr } from '../../../store/linux/xattr.js';
import { layerDirs, overlayHome, readLower } from '../../../store/overlay2/layer-dir.js';

export interface FileChange {
  kind: 'added' | 'changed' | 'deleted';
  /** Absolute. What is no UTF-8 has U+FFFD in its place. */
  path: string;
}

export interface Changes {
  /** In the order of their paths. Directories in which something changed are among them. */
  list: FileChange[];
  /** Whether there were more than are listed, or some too deep. */
  isCut: boolean;
}

interface Limits {
  most: number;
  deepest: number;
}

const MOST_CHANGES = 10_000;
/** Each level holds a descriptor. */
const DEEPEST = 100;

/**
 * @param mountId the writable layer; what a container that runs changes meanwhile is shown or not
 * @param mountPoints targets of the container's mounts, which the set-up made where they were missing
 */
export function changedFiles(
  root: string,
  mountId: string,
  mountPoints: readonly string[],
  { most, deepest }: Limits = { most: MOST_CHANGES, deepest: DEEPEST },
): Changes {
  const lower = mountOverlay({ home: overlayHome(root), lower: readLower(root, mountId) });
  const upper = openAt(AT_FDCWD, cstring(layerDirs(root, mountId).diff), OPEN_DIRECTORY);
  const changes: Changes = { list: [], isCut: false };
  try {
    const walk = { changes, lower, ours: new Set(mountPoints.flatMap(withParents)), limits: { most, deepest } };
    collect(walk, { fd: upper, path: '/', depth: 0, isOpaque: false });
  } finally {
    closeSync(upper);
    closeSync(lower);
  }
  return changes;
}

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

interface Walk {
  changes: Changes;
  /** The image's files, mounted. */
  lower: number;
  ours: ReadonlySet<string>;
  limits: Limits;
}

interface Folder {
  fd: number;
  path: string;
  depth: number;
  /** Whether what the image has there does not show through: the container made the directory anew. */
  isOpaque: boolean;
}

function collect(walk: Walk, folder: Folder): void {
  const names = readdirSync(`/proc/self/fd/${folder.fd}`, { encoding: 'buffer' }).sort(Buffer.compare);
  for (const name of names) {
    if (isFull(walk, folder)) return;
    collectEntry(walk, folder, name);
  }
  if (!folder.isOpaque) return;
  const present = new Set(names.map((name) => name.toString('latin1')));
  for (const name of namesIn(walk.lower, folder.path)) {
    if (present.has(name.toString('latin1'))) continue;
    if (isFull(walk, folder)) return;
    walk.changes.list.push({ kind: 'deleted', path: posix.join(folder.path, name.toString()) });
  }
}

function isFull({ changes, limits }: Walk, { depth }: Folder): boolean {
  if (changes.list.length < limits.most && depth <= limits.deepest) return false;
  changes.isCut = true;
  return true;
}

function collectEntry(walk: Walk, { fd, path: parent, depth, isOpaque }: Folder, name: Buffer): void {
  const { list } = walk.changes;
  const path = posix.join(parent, name.toString());
  const entry = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name]);
  const stats = lstatSync(entry, { throwIfNoEntry: false });
  if (stats === undefined) return;
  // overlayfs notes a deletion as a device with the number 0.
  if (stats.isCharacterDevice() && stats.rdev === 0) {
    list.push({ kind: 'deleted', path });
    return;
  }
  const isNew = !isIn(walk.lower, path);
  if (!(isNew && walk.ours.has(path))) list.push({ kind: isNew ? 'added' : 'changed', path });
  if (!stats.isDirectory()) return;
  const hides = isOpaque || getXattr(entry, 'trusted.overlay.opaque')?.toString() === 'y';
  const inside = openAt(fd, cstring(name), OPEN_DIRECTORY);
  try {
    collect(walk, { fd: inside, path, depth: depth + 1, isOpaque: hides });
  } finally {
    closeSync(inside);
  }
}

const UNFOLLOWED = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;

function isIn(root: number, path: string): boolean {
  const fd = openIn(root, path, O_PATH | constants.O_NOFOLLOW);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

function namesIn(root: number, path: string): Buffer[] {
  const fd = openIn(root, path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) return [];
  try {
    return readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).sort(Buffer.compare);
  } finally {
    closeSync(fd);
  }
}

function openIn(root: number, path: string, flags: number): number | undefined {
  try {
    return openAt2(root, cstring(path), flags, UNFOLLOWED);
  } catch (error) {
    // ELOOP: a link of the image is in the way, or is what was replaced.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

function withParents(path: string): string[] {
  const normal = posix.normalize(path);
  return normal === '/' ? [] : [normal, ...withParents(posix.dirname(normal))];
}
