/**
 * A directory of somebody else, read in place: the kernel looks every path up as if the directory were the root, so that no link of it
 * leads out, and nothing but regular files is read.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoCode, isErrno, KnownError } from '../errors.js';
import { openAt2 } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { printable } from '../printable.js';
import { type FileRange, readRange, wholeFile } from './file-range.js';

export interface ConfinedDirectory extends Disposable {
  /** As it was given, for messages. */
  readonly name: string;
  /** The bytes of a file, open until the end; undefined where there is none. @throws KnownError E_STORE for what is no regular file */
  file(path: string): FileRange | undefined;
  /** A document as a whole; undefined where there is none. @throws KnownError E_STORE also for one that is too large */
  read(path: string, maxBytes: number): Buffer | undefined;
  /** A path of a directory that stays the same one, open until the end; undefined where there is none. @throws KnownError E_STORE */
  directory(path: string): string | undefined;
}

/** @throws KnownError E_NOT_FOUND, E_PERMISSION, E_STORE */
export function openConfinedDirectory(name: string): ConfinedDirectory {
  const shown = printable(name, 300);
  const root = openRoot(name);
  const open = new Set([root]);
  const openBelow = (path: string, flags: number): number | undefined => {
    try {
      return openAt2(root, cstring(path), flags);
    } catch (cause) {
      if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
      throw refuse(path, errnoCode(cause) ?? String(cause), cause);
    }
  };
  const refuse = (path: string, why: string, cause?: unknown) =>
    new KnownError('E_STORE', `cannot read "${printable(path, 200)}" of "${shown}": ${why}`, { cause });
  const openFile = (path: string): number | undefined => {
    // Opening a fifo would wait for a writer.
    const fd = openBelow(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (fd === undefined || fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw refuse(path, 'it is no regular file');
  };
  return {
    name,
    file(path) {
      const fd = openFile(path);
      if (fd === undefined) return undefined;
      open.add(fd);
      return wholeFile(fd, `${name}/${path}`);
    },
    read(path, maxBytes) {
      const fd = openFile(path);
      if (fd === undefined) return undefined;
      try {
        const range = wholeFile(fd, `${name}/${path}`);
        if (range.size > maxBytes) throw refuse(path, `it has ${range.size} bytes, more than ${maxBytes}`);
        const bytes = Buffer.alloc(range.size);
        readRange(range, 0, bytes);
        return bytes;
      } finally {
        closeSync(fd);
      }
    },
    directory(path) {
      const fd = openBelow(path, constants.O_RDONLY | constants.O_DIRECTORY);
      if (fd === undefined) return undefined;
      open.add(fd);
      // What stands behind the descriptor is no link that somebody could exchange.
      return `/proc/self/fd/${fd}/.`;
    },
    [Symbol.dispose]() {
      for (const fd of open) closeSync(fd);
      open.clear();
    },
  };
}

function openRoot(name: string): number {
  try {
    return openSync(name, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined) throw cause;
    const kind = ({ ENOENT: 'E_NOT_FOUND', EACCES: 'E_PERMISSION' } as const)[code] ?? 'E_STORE';
    throw new KnownError(kind, `cannot open "${printable(name, 300)}": ${code}`, { cause });
  }
}
