/**
 * Reading a data root that may be damaged or hostile: every path is looked up by the kernel below the open root, no symbolic link on the
 * way is followed, only regular files are read, and no more of them than what such a file can have.
 */
import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { O_PATH, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../linux/flags.js';
import { openAt2, readLinkAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { type Inode, statAt, statOf } from '../linux/statx.js';

/** `odd`: there is something, but no regular file, or one that is too long or cannot be read. */
export type FileBytes = Buffer | 'absent' | 'odd';

export interface RootView extends Disposable {
  readonly root: string;
  read(path: string, limit?: number): FileBytes;
  /** The text of a small file; undefined when it is absent or odd. */
  text(path: string): string | undefined;
  /** Sorted; none for what is no directory. Names are latin1 bytes. */
  names(path: string): string[];
  stat(path: string): Inode | undefined;
  /** The text of a symbolic link; undefined for anything else. */
  link(path: string): string | undefined;
  isDirectory(path: string): boolean;
}

/** More than any of the small files has. */
const SMALL = 64 * 1024;
const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
const OPEN_FILE = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;
const S_IFMT = { file: 0o100000, directory: 0o040000, link: 0o120000 };
/** What a path has that does not lead to what was asked for. */
const astray = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENAMETOOLONG', 'ENXIO'];

/** @throws ENOENT, ENOTDIR, EACCES */
export function openRootView(root: string): RootView {
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const open = (path: string, flags: number): number | undefined => {
    try {
      return openAt2(fd, cstring(Buffer.from(path, 'latin1')), flags, RESOLVE);
    } catch (error) {
      if (isErrno(error, ...astray)) return undefined;
      throw error;
    }
  };
  const using = <T>(path: string, flags: number, work: (opened: number) => T): T | undefined => {
    const opened = open(path, flags);
    if (opened === undefined) return undefined;
    try {
      return work(opened);
    } finally {
      closeSync(opened);
    }
  };
  const split = (path: string): [dir: string, base: Buffer] => {
    const slash = path.lastIndexOf('/');
    return [slash < 0 ? '.' : path.slice(0, slash), cstring(Buffer.from(path.slice(slash + 1), 'latin1'))];
  };
  const stat = (path: string) => {
    const [dir, base] = split(path);
    return using(dir, O_PATH | constants.O_DIRECTORY, (opened) => statAt(opened, base));
  };
  const read = (path: string, limit = SMALL): FileBytes => {
    const inode = stat(path);
    if (inode === undefined) return 'absent';
    if (inode.type !== S_IFMT.file) return 'odd';
    return using(path, OPEN_FILE, (opened) => readRegular(opened, limit)) ?? 'absent';
  };
  return {
    root,
    read,
    text(path) {
      const bytes = read(path);
      return typeof bytes === 'string' ? undefined : bytes.toString('latin1');
    },
    names: (path) =>
      using(path, constants.O_RDONLY | constants.O_DIRECTORY, (opened) =>
        readdirSync(`/proc/self/fd/${opened}`, 'latin1').sort(),
      ) ?? [],
    stat,
    link(path) {
      if (stat(path)?.type !== S_IFMT.link) return undefined;
      const [dir, base] = split(path);
      return using(dir, O_PATH | constants.O_DIRECTORY, (opened) => readLinkAt(opened, base));
    },
    isDirectory: (path) => stat(path)?.type === S_IFMT.directory,
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function readRegular(fd: number, limit: number): FileBytes {
  const { type, size } = statOf(fd);
  if (type !== S_IFMT.file || size > limit) return 'odd';
  const bytes = Buffer.alloc(size);
  try {
    for (let at = 0; at < size; ) {
      const got = readSync(fd, bytes, at, size - at, null);
      if (got === 0) return bytes.subarray(0, at);
      at += got;
    }
    return bytes;
  } catch (error) {
    if (isErrno(error, 'EIO')) return 'odd';
    throw error;
  }
}
