/** statx(2): everything about an inode in one call and without the objects that Node makes of it. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from './flags.js';
import { bind, errnoName, lastErrno } from './libc.js';

const cStatx = bind('int statx(int, const void *, int, uint, void *)');

const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;

export interface Inode {
  /** S_IFREG and its like. */
  type: number;
  /** The lowest twelve bits. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Of its file system; above 2^53 it is not exact. */
  ino: number;
  size: number;
  mtime: { seconds: number; nanoseconds: number };
  major: number;
  minor: number;
}

/** struct statx of linux/stat.h. */
const buffer = Buffer.alloc(256);
const nothing = Buffer.from([0]);
const absent: readonly number[] = [constants.errno.ENOENT, constants.errno.ENOTDIR];

/** The entry itself, also of a symbolic link; undefined when there is none. `name` is NUL-terminated. */
export function statAt(dir: number, name: Uint8Array): Inode | undefined {
  if (cStatx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer) >= 0) return unpack();
  const errno = lastErrno();
  if (absent.includes(errno)) return undefined;
  throw new SyscallError('statx', JSON.stringify(Buffer.from(name).toString('latin1')), errno, errnoName(errno));
}

/** What an open descriptor stands for. */
export function statOf(fd: number): Inode {
  if (cStatx(fd, nothing, AT_EMPTY_PATH, STATX_BASIC_STATS, buffer) >= 0) return unpack();
  const errno = lastErrno();
  throw new SyscallError('statx', '', errno, errnoName(errno));
}

function unpack(): Inode {
  const mode = buffer.readUInt16LE(28);
  return {
    type: mode & S_IFMT,
    mode: mode & 0o7777,
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    ino: buffer.readUInt32LE(32) + buffer.readUInt32LE(36) * 2 ** 32,
    size: buffer.readUInt32LE(40) + buffer.readUInt32LE(44) * 2 ** 32,
    mtime: {
      seconds: buffer.readUInt32LE(112) + buffer.readInt32LE(116) * 2 ** 32,
      nanoseconds: buffer.readUInt32LE(120),
    },
    major: buffer.readUInt32LE(128),
    minor: buffer.readUInt32LE(132),
  };
}
