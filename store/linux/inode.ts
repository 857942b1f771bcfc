/**
 * Calls on directory entries relative to an open directory, for names that may hold any byte. The last component is
 * never followed. Node's fs has none of these forms.
 */
import { constants as fsConstants } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from './flags.js';
import { bind, bindAsync, check, cstring, errnoName, lastErrno } from './libc.js';

const cOpenat = bind('int openat(int, const void *, int, uint)');
const cMkdirat = bind('int mkdirat(int, const void *, uint)');
const cUnlinkat = bind('int unlinkat(int, const void *, int)');
const cSymlinkat = bind('int symlinkat(const void *, int, const void *)');
const cLinkat = bind('int linkat(int, const void *, int, const void *, int)');
const cMknodat = bind('int mknodat(int, const void *, uint, uint64_t)');
const cFchownat = bind('int fchownat(int, const void *, uint, uint, int)');
const cFchmodat = bind('int fchmodat(int, const void *, uint, int)');
const cUtimensat = bind('int utimensat(int, const void *, const void *, int)');
const cFutimens = bind('int futimens(int, const void *)');
const cRenameat = bind('int renameat(int, const void *, int, const void *)');
const cRenameat2 = bind('int renameat2(int, const void *, int, const void *, uint)');
const cReadlinkat = bind('intptr_t readlinkat(int, const void *, void *, size_t)');
const cSyncfs = bindAsync('int syncfs(int)');
const cOpenat2 = bind('long syscall(long, int, const void *, const void *, uint64_t)');

/** The number of openat2(2), the same on every architecture (unified numbers above 423). */
const SYS_openat2 = 437;

export { AT_FDCWD };

function show(name: Uint8Array): string {
  const end = name.at(-1) === 0 ? name.length - 1 : name.length;
  return JSON.stringify(Buffer.from(name.buffer, name.byteOffset, end).toString());
}

/** As {@link check}; the operands are put into words only when they are needed. */
function done(result: number, call: string, ...names: Uint8Array[]): number {
  return result >= 0 ? result : check(result, call, names.map(show).join(' to '));
}

/** openat(2) with O_CLOEXEC; `name` is NUL-terminated. Returns the descriptor. */
export function openAt(dir: number, name: Uint8Array, flags: number, mode = 0): number {
  return done(cOpenat(dir, name, flags | O_CLOEXEC, mode), 'openat', name);
}

/** As {@link openAt}, but a failure is its errno, negative: where failing is usual, an Error and its stack cost more than the call. */
export function tryOpenAt(dir: number, name: Uint8Array, flags: number): number {
  const fd = cOpenat(dir, name, flags | O_CLOEXEC, 0);
  return fd >= 0 ? fd : -lastErrno();
}

/** struct open_how of linux/openat2.h: flags, mode, resolve, 64 bits each. */
const how = Buffer.alloc(24);

/**
 * openat2(2). With the default `resolve` the path is looked up as if `dir` were the root directory: absolute paths and
 * symbolic links, and `..`, never lead outside, and magic links of /proc are refused. EAGAIN (a rename ran in parallel)
 * is tried again a bounded number of times.
 */
export function openAt2(
  dir: number,
  path: Uint8Array,
  flags: number,
  resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  mode = 0,
): number {
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  for (let attempt = 0; ; attempt++) {
    const fd = Number(cOpenat2(SYS_openat2, dir, path, how, 24));
    if (fd >= 0) return fd;
    const errno = lastErrno();
    if (errnoName(errno) === 'EAGAIN' && attempt < 1000) continue;
    throw new SyscallError('openat2', show(path), errno, errnoName(errno));
  }
}

/** Opens a directory below `dir` as a place to work from (O_PATH). */
export function openDirectoryInRoot(dir: number, path: Uint8Array, resolve?: number): number {
  return openAt2(dir, path, O_PATH | fsConstants.O_DIRECTORY, resolve);
}

export function mkdirAt(dir: number, name: Uint8Array, mode: number): void {
  done(cMkdirat(dir, name, mode), 'mkdirat', name);
}

export function unlinkAt(dir: number, name: Uint8Array, flags = 0): void {
  done(cUnlinkat(dir, name, flags), 'unlinkat', name);
}

export function symlinkAt(target: Uint8Array, dir: number, name: Uint8Array): void {
  done(cSymlinkat(target, dir, name), 'symlinkat', name);
}

/** linkat(2) without following `name`. */
export function linkAt(fromDir: number, from: Uint8Array, dir: number, name: Uint8Array): void {
  done(cLinkat(fromDir, from, dir, name, 0), 'linkat', from, name);
}

/** mknodat(2); `mode` includes the file type, `major` and `minor` are packed as makedev(3) does. */
export function mknodAt(dir: number, name: Uint8Array, mode: number, major = 0, minor = 0): void {
  const device =
    (BigInt(major & 0xfffff000) << 32n) |
    (BigInt(major & 0xfff) << 8n) |
    (BigInt(minor >>> 8) << 20n) |
    BigInt(minor & 0xff);
  done(cMknodat(dir, name, mode, device), 'mknodat', name);
}

/** Changes the owner of the entry itself, also of a symbolic link. */
export function chownAt(dir: number, name: Uint8Array, uid: number, gid: number): void {
  done(cFchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat', name);
}

/** fchmodat(2); it follows links, so call it only on what is known to be no symbolic link. */
export function chmodAt(dir: number, name: Uint8Array, mode: number): void {
  done(cFchmodat(dir, name, mode, 0), 'fchmodat', name);
}

/** Two struct timespec (atime, mtime): seconds and nanoseconds, 64 bits each. */
const times = Buffer.alloc(32);

export interface Timestamp {
  /** Seconds since 1970, may be negative. */
  seconds: number;
  /** 0 … 999 999 999 */
  nanoseconds: number;
}

function packTimes(atime: Timestamp, mtime: Timestamp): Buffer {
  times.writeBigInt64LE(BigInt(atime.seconds), 0);
  times.writeBigInt64LE(BigInt(atime.nanoseconds), 8);
  times.writeBigInt64LE(BigInt(mtime.seconds), 16);
  times.writeBigInt64LE(BigInt(mtime.nanoseconds), 24);
  return times;
}

export function setTimesAt(dir: number, name: Uint8Array, atime: Timestamp, mtime: Timestamp): void {
  done(cUtimensat(dir, name, packTimes(atime, mtime), AT_SYMLINK_NOFOLLOW), 'utimensat', name);
}

export function setTimes(fd: number, atime: Timestamp, mtime: Timestamp): void {
  check(cFutimens(fd, packTimes(atime, mtime)), 'futimens');
}

export function renameAt(fromDir: number, from: Uint8Array, dir: number, name: Uint8Array): void {
  done(cRenameat(fromDir, from, dir, name), 'renameat', from, name);
}

/** RENAME_EXCHANGE of linux/fs.h. */
const RENAME_EXCHANGE = 2;

/** Lets two entries of one file system change places, at one instant (renameat2(2)). */
export function exchangeAt(fromDir: number, from: Uint8Array, dir: number, name: Uint8Array): void {
  done(cRenameat2(fromDir, from, dir, name, RENAME_EXCHANGE), 'renameat2', from, name);
}

/** PATH_MAX: no symbolic link is longer. */
const linkText = Buffer.alloc(4096);

/** The text of a symbolic link, as latin1 bytes. */
export function readLinkAt(dir: number, name: Uint8Array): string {
  const length = done(Number(cReadlinkat(dir, name, linkText, linkText.length)), 'readlinkat', name);
  return linkText.toString('latin1', 0, length);
}

/**
 * Writes everything of the file system that holds `fd` to the disk, without blocking the event loop. Write errors since the
 * descriptor was opened are reported here once (Linux 5.8), so open it before the first write and never ignore the failure.
 */
export async function syncFileSystem(fd: number): Promise<void> {
  if ((await cSyncfs(fd)) === 0) return;
  // The errno of a call on another thread is lost; whatever it was, the kernel could not write what it had accepted.
  throw new SyscallError('syncfs', '', constants.errno.EIO, 'EIO');
}

export { cstring };
