/**
 * Files of a container's root, whose names and links are hostile. Everything is looked up by the kernel below the
 * descriptor of the root (openat2(2) with RESOLVE_IN_ROOT): absolute links and `..` stay inside, magic links of /proc
 * are refused. Nothing here joins paths of the host.
 */
import { closeSync, constants, fstatSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { isErrno } from '../errors.js';
import { O_PATH } from '../linux/flags.js';
import { mkdirAt, openAt2 } from '../linux/inode.js';
import { bind, check, cstring } from '../linux/libc.js';

const cReadlinkat = bind('intptr_t readlinkat(int, const void *, void *, size_t)');

/** Opens as a place to work from or to mount on, whatever it is; undefined when nothing can be reached there. */
export function findInRoot(root: number, path: string, flags = 0): number | undefined {
  try {
    return openAt2(root, cstring(path), O_PATH | flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** stat(2) below the root; undefined when there is nothing. */
export function statInRoot(root: number, path: string): Stats | undefined {
  const fd = findInRoot(root, path);
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * The text of a regular file below the root, or undefined when there is none, or when it is something else (a fifo
 * would block, a device might never end). At most `limit` bytes are read.
 */
export function readTextInRoot(root: number, path: string, limit: number): string | undefined {
  if (!statInRoot(root, path)?.isFile()) return undefined;
  const fd = openAt2(root, cstring(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const buffer = Buffer.alloc(Math.min(limit, Math.max(fstatSync(fd).size, 4096)));
    for (let length = 0; ; ) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0 || length === buffer.length) return buffer.toString('utf8', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens the directory below the root, and makes it and its missing parents first (mode 0755, links followed inside
 * the root). `ENOTDIR` when something else is in the way.
 */
export function makeDirectoriesInRoot(root: number, path: string): number {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let current = openAt2(root, cstring('.'), O_PATH | constants.O_DIRECTORY);
  for (const [index, name] of names.entries()) {
    const parent = current;
    try {
      current = enterOrMake(root, { parent, name, folder: names.slice(0, index).join('/') });
    } finally {
      closeSync(parent);
    }
  }
  return current;
}

interface Step {
  /** The directory that should contain it, and its path below the root. */
  parent: number;
  folder: string;
  name: string;
}

function enterOrMake(root: number, { parent, folder, name }: Step): number {
  const path = cstring(`${folder}/${name}`);
  const open = (): number => openAt2(root, path, O_PATH | constants.O_DIRECTORY);
  try {
    return open();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  try {
    mkdirAt(parent, cstring(name), 0o755);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    // A link that points to nothing: make what it points to, below the root as well.
    const target = readLinkAt(parent, name);
    closeSync(makeDirectoriesInRoot(root, target.startsWith('/') ? target : `${folder}/${target}`));
  }
  return open();
}

function readLinkAt(dir: number, name: string): string {
  const buffer = Buffer.alloc(4096);
  const length = Number(check(Number(cReadlinkat(dir, cstring(name), buffer, buffer.length)), 'readlinkat', name));
  return buffer.toString('utf8', 0, length);
}

/** The path of an open file below the root of its detached mount, free of links and dots. */
export function canonicalPath(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}
