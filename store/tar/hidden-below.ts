/** What the layers below one show where it has no whiteout or no opaque mark: whether leaving that out changes what a container sees. */
import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { openDirectoryInRoot } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { type Inode, statAt } from '../linux/statx.js';
import { getXattr, listXattrsOnce } from '../linux/xattr.js';

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const opaqueMarks = ['trusted.overlay.opaque', 'user.overlay.opaque'];

export function isWhiteout({ type, major, minor }: Inode): boolean {
  return type === S_IFCHR && major === 0 && minor === 0;
}

/** Of an open directory; in a user namespace the mark is one that anybody may set. */
export function hasOpaqueMark(fd: number): boolean {
  const path = `/proc/self/fd/${fd}/.`;
  const names = listXattrsOnce(cstring(path));
  return opaqueMarks.some((name) => names.includes(name) && getXattr(path, name)?.toString() === 'y');
}

export interface LayersBelow {
  /** Whether something of that name would be seen without a whiteout. */
  shows(path: string): boolean;
  /** Whether anything would be seen in an open directory that should be opaque and has no mark. */
  showsThrough(fd: number, path: string): boolean;
  /** Whether there is a directory of that path to be hidden. */
  hasIn(path: string): boolean;
}

/** @param layers the `diff` directories below, uppermost first; one that cannot be opened shows nothing */
export function layersBelow(layers: readonly string[]): LayersBelow {
  const shows = (path: string): boolean => {
    const slash = path.lastIndexOf('/');
    const base = cstring(Buffer.from(path.slice(slash + 1), 'latin1'));
    for (const directory of merged(layers, path.slice(0, Math.max(slash, 0)))) {
      const inode = statAt(directory.fd, base);
      if (inode !== undefined) return !isWhiteout(inode);
    }
    return false;
  };
  return {
    shows,
    showsThrough(fd, path) {
      const own = new Set(readdirSync(`/proc/self/fd/${fd}`, 'latin1'));
      for (const directory of merged(layers, path))
        for (const name of readdirSync(`/proc/self/fd/${directory.fd}`, 'latin1'))
          if (!own.has(name) && shows(path === '' ? name : `${path}/${name}`)) return true;
      return false;
    },
    hasIn(path) {
      for (const _ of merged(layers, path)) return true;
      return false;
    },
  };
}

/** The directories of that path that overlayfs would merge, uppermost first. */
function* merged(layers: readonly string[], path: string): Generator<{ fd: number }> {
  for (const layer of layers) {
    const found = openBelow(layer, path);
    if (found === 'blocked') return;
    if (found === undefined) continue;
    try {
      yield { fd: found };
      if (hasOpaqueMark(found)) return;
    } finally {
      closeSync(found);
    }
  }
}

/** `blocked` where something that is no directory, or a mark on the way, hides all further layers. */
function openBelow(layer: string, path: string): number | 'blocked' | undefined {
  let root: number;
  try {
    root = openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  try {
    const parts = path === '' ? [] : path.split('/');
    for (let length = 1; length <= parts.length; length++) {
      const inode = statBelow(root, parts.slice(0, length).join('/'));
      if (inode === undefined) return isOpaqueAt(root, parts.slice(0, length - 1).join('/')) ? 'blocked' : undefined;
      if (inode.type !== S_IFDIR) return 'blocked';
    }
    return openDirectoryInRoot(root, cstring(Buffer.from(path === '' ? '.' : path, 'latin1')));
  } finally {
    closeSync(root);
  }
}

function statBelow(root: number, path: string): Inode | undefined {
  const slash = path.lastIndexOf('/');
  const dir = openDirectoryInRoot(root, cstring(Buffer.from(slash < 0 ? '.' : path.slice(0, slash), 'latin1')));
  try {
    return statAt(dir, cstring(Buffer.from(path.slice(slash + 1), 'latin1')));
  } finally {
    closeSync(dir);
  }
}

function isOpaqueAt(root: number, path: string): boolean {
  if (path === '') return false;
  const dir = openDirectoryInRoot(root, cstring(Buffer.from(path, 'latin1')));
  try {
    return hasOpaqueMark(dir);
  } finally {
    closeSync(dir);
  }
}
