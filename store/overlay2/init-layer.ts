/**
 * What a container needs in its root and an image may lack, as dockerd writes it into a layer of its own between the
 * image and the container's writable layer: mount points, files to mount on, /etc/mtab.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { findInRoot } from '../fs/inside-root.js';
import { removeTree } from '../fs/remove-tree.js';
import { O_PATH } from '../linux/flags.js';
import { chmodAt, mkdirAt, mknodAt, openAt2, symlinkAt, unlinkAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { mountOverlay } from '../linux/overlay.js';
import { layerDirs, overlayHome, readLower } from './layer-dir.js';

type Kind = 'directory' | 'file' | { link: string };

/** In dockerd's order. Files are empty with mode 0755, directories have 0755. */
const content: readonly (readonly [path: string, kind: Kind])[] = [
  ['/dev/pts', 'directory'],
  ['/dev/shm', 'directory'],
  ['/proc', 'directory'],
  ['/sys', 'directory'],
  ['/.dockerenv', 'file'],
  ['/etc/resolv.conf', 'file'],
  ['/etc/hosts', 'file'],
  ['/etc/hostname', 'file'],
  ['/dev/console', 'file'],
  ['/etc/mtab', { link: '/proc/mounts' }],
];

/**
 * Fills the layer through a mount of the whole stack, so that directories of the image are copied up with their owner
 * and mode. Anything that is no directory at one of the paths, or above it, is replaced: a link there would redirect
 * what is mounted later.
 */
export function fillInitLayer(root: string, cacheId: string): void {
  const lower = readLower(root, cacheId);
  const tree =
    lower.length === 0
      ? openSync(layerDirs(root, cacheId).diff, O_PATH | constants.O_DIRECTORY)
      : mountOverlay({
          home: overlayHome(root),
          lower,
          upper: { diff: join(cacheId, 'diff'), work: join(cacheId, 'work') },
          volatile: true,
        });
  try {
    for (const [path, kind] of content) place(tree, path, kind);
  } finally {
    closeSync(tree);
  }
  // The mark of a volatile mount would keep the layer from being mounted again.
  removeTree(join(layerDirs(root, cacheId).work, 'work', 'incompat'));
}

function place(tree: number, path: string, kind: Kind): void {
  const names = path.slice(1).split('/');
  const last = names.pop() ?? '';
  let folder = openAt2(tree, cstring('.'), O_PATH | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const parent = folder;
      folder = enter(parent, name);
      closeSync(parent);
    }
    placeIn(folder, last, kind);
  } finally {
    closeSync(folder);
  }
}

/** Opens a real directory, made where there is none. */
function enter(parent: number, name: string): number {
  clear(parent, name);
  if (!exists(parent, name)) makeDirectory(parent, name);
  return openAt2(parent, cstring(name), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

function placeIn(folder: number, name: string, kind: Kind): void {
  clear(folder, name);
  if (exists(folder, name)) return;
  if (kind === 'directory') makeDirectory(folder, name);
  else if (kind === 'file') makeFile(folder, name);
  else symlinkAt(cstring(kind.link), folder, cstring(name));
}

/** Removes what is no directory. */
function clear(folder: number, name: string): void {
  try {
    unlinkAt(folder, cstring(name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EISDIR')) throw error;
  }
}

function exists(folder: number, name: string): boolean {
  const fd = findInRoot(folder, name, constants.O_NOFOLLOW);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}

function makeDirectory(folder: number, name: string): void {
  mkdirAt(folder, cstring(name), 0o755);
  chmodAt(folder, cstring(name), 0o755);
}

function makeFile(folder: number, name: string): void {
  mknodAt(folder, cstring(name), constants.S_IFREG | 0o755);
  chmodAt(folder, cstring(name), 0o755);
}
