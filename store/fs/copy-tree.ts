/**
 * Copies a directory with all it contains, below descriptors of both sides: no link is followed, whoever changes the trees
 * meanwhile. Owners, modes, times, extended attributes and hard links are kept; sockets are left out.
 */
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  readSync,
  writeSync,
} from 'node:fs';
import { isErrno, KnownError } from '../errors.js';
import { O_PATH, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from '../linux/flags.js';
import {
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  openAt2,
  setTimesAt,
  symlinkAt,
  type Timestamp,
  unlinkAt,
} from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { nextData } from '../linux/sparse.js';
import { getXattr, listXattrs, setXattr } from '../linux/xattr.js';
import { printable } from '../printable.js';

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Each level holds two descriptors. */
const DEEPEST = 1000;
const COPY_BYTES = 1024 * 1024;

export interface Owner {
  uid: number;
  gid: number;
}

export interface CopyOptions {
  /** Instead of the owners that the source has. */
  owner?: Owner | ((source: Owner) => Owner) | undefined;
}

interface Copy {
  owner: CopyOptions['owner'];
  target: number;
  buffer: Buffer;
  /** Where the first name of a file with several lies: path below the target. */
  linked: Map<string, Buffer>;
}

interface Level {
  source: number;
  target: number;
  /** Below the top of the target, with a slash at the end unless empty. */
  path: Buffer;
  depth: number;
}

/** Makes the content and the attributes of `target` those of `source`; both are descriptors of directories. */
export function copyTree(source: number, target: number, options: CopyOptions = {}): void {
  const copy = newCopy(target, options);
  copyContent(copy, { source, target, path: Buffer.alloc(0), depth: 0 });
  copyDirectoryAttributes(copy, source, target);
}

/** The same without the attributes of the directory itself. */
export function copyEntries(source: number, target: number, options: CopyOptions = {}): void {
  copyContent(newCopy(target, options), { source, target, path: Buffer.alloc(0), depth: 0 });
}

/**
 * Copies one entry of a directory into another one, under a name of its own; what is there is replaced, directories are merged.
 *
 * @param from its `stats` say what it was when it was chosen: a link that takes its place meanwhile is not copied for it
 */
export function copyEntry(
  from: { dir: number; name: Buffer; stats: BigIntStats | undefined },
  to: { dir: number; name: Buffer },
  options: CopyOptions = {},
): void {
  const { dir, name, stats } = from;
  if (stats === undefined || stats.isSocket()) return;
  const level = { source: dir, target: to.dir, path: Buffer.alloc(0), depth: 0 };
  copyKnown(newCopy(to.dir, options), level, { name, newName: to.name, stats });
}

function newCopy(target: number, { owner }: CopyOptions): Copy {
  return { owner, target, buffer: Buffer.allocUnsafe(COPY_BYTES), linked: new Map() };
}

function copyContent(copy: Copy, level: Level): void {
  if (level.depth > DEEPEST)
    throw new KnownError('E_RUN', `the directory ${printable(level.path.toString())} lies too deep to be copied`);
  const names = readdirSync(`/proc/self/fd/${level.source}`, { encoding: 'buffer' }).sort(Buffer.compare);
  for (const name of names) {
    const stats = lstatSync(pathIn(level.source, name), { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined && !stats.isSocket()) copyKnown(copy, level, { name, newName: name, stats });
  }
}

interface Entry {
  name: Buffer;
  newName: Buffer;
  stats: BigIntStats;
}

function copyKnown(copy: Copy, level: Level, { name, newName, stats }: Entry): void {
  const { source, target } = level;
  const from = pathIn(source, name);
  const to = cstring(newName);
  if (stats.isDirectory()) {
    copyDirectory(copy, level, { from: cstring(name), to, path: Buffer.concat([level.path, newName, slash]) });
    return;
  }
  makeWay(target, to);
  const key = `${stats.dev}:${stats.ino}`;
  const first = stats.nlink > 1n ? copy.linked.get(key) : undefined;
  if (first !== undefined) {
    linkInside(copy, first, { dir: target, name: to });
    return;
  }
  if (stats.isFile()) copyFile(copy, { from: cstring(name), source, target, to });
  else if (stats.isSymbolicLink()) symlinkAt(cstring(readlinkSync(from, { encoding: 'buffer' })), target, to);
  else makeNode(target, to, stats);
  if (stats.nlink > 1n) copy.linked.set(key, Buffer.concat([level.path, newName]));
  finish(copy, stats, { from, dir: target, name: to });
}

const slash = Buffer.from('/');

function pathIn(dir: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name]);
}

function copyDirectory(copy: Copy, level: Level, entry: { from: Buffer; to: Buffer; path: Buffer }): void {
  const inner = openAt(level.source, entry.from, OPEN_DIRECTORY);
  try {
    const made = makeDirectory(level.target, entry.to);
    try {
      copyContent(copy, { source: inner, target: made, path: entry.path, depth: level.depth + 1 });
      copyDirectoryAttributes(copy, inner, made);
    } finally {
      closeSync(made);
    }
  } finally {
    closeSync(inner);
  }
}

function makeDirectory(dir: number, name: Buffer): number {
  try {
    mkdirAt(dir, name, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  try {
    return openAt(dir, name, OPEN_DIRECTORY);
  } catch (cause) {
    if (!isErrno(cause, 'ENOTDIR', 'ELOOP')) throw cause;
    throw new KnownError('E_RUN', `cannot overwrite non-directory "${shown(name)}" with directory`, { cause });
  }
}

/**
 * Removes what is in the way of something that is no directory.
 *
 * @throws SyscallError EXDEV when something is mounted there: the kernel would unmount it in whatever other namespace it is mounted
 */
function makeWay(dir: number, name: Buffer): void {
  try {
    closeSync(openAt2(dir, name, O_PATH | constants.O_NOFOLLOW, RESOLVE_NO_XDEV));
    unlinkAt(dir, name);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return;
    if (!isErrno(cause, 'EISDIR')) throw cause;
    throw new KnownError('E_RUN', `cannot overwrite directory "${shown(name)}" with non-directory`, { cause });
  }
}

const shown = (name: Buffer): string => printable(name.subarray(0, -1).toString());

function linkInside({ target }: Copy, path: Buffer, to: { dir: number; name: Buffer }): void {
  const cut = path.lastIndexOf('/');
  const folder = cut < 0 ? '.' : path.subarray(0, cut);
  const dir = openAt2(target, cstring(folder), O_PATH | constants.O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  try {
    linkAt(dir, cstring(path.subarray(cut + 1)), to.dir, to.name);
  } finally {
    closeSync(dir);
  }
}

function copyFile({ buffer }: Copy, it: { source: number; from: Buffer; target: number; to: Buffer }): void {
  // Whatever it is by now: a fifo would block.
  const input = openAt(it.source, it.from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(input);
    if (!stats.isFile()) return;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const output = openAt(it.target, it.to, flags, 0o600);
    try {
      copyBytes(buffer, { input, output, size: stats.size, isSparse: stats.blocks * 512 < stats.size });
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}

/**
 * As many bytes as there were: somebody may add to the file for ever. Holes stay holes, or a file that takes no room where it is could
 * fill the disk.
 */
function copyBytes(buffer: Buffer, it: { input: number; output: number; size: number; isSparse: boolean }): void {
  const { input, output, size, isSparse } = it;
  let at = 0;
  while (at < size) {
    const data = isSparse ? nextData(input, at) : { start: at, end: size };
    if (data === undefined || data.start >= size) break;
    const end = Math.min(data.end, size);
    for (at = data.start; at < end; ) {
      const count = readSync(input, buffer, 0, Math.min(buffer.length, end - at), at);
      // It became shorter.
      if (count === 0) return;
      for (let done = 0; done < count; ) done += writeSync(output, buffer, done, count - done, at + done);
      at += count;
    }
  }
  if (isSparse) ftruncateSync(output, size);
}

function makeNode(dir: number, name: Buffer, { mode, rdev }: BigIntStats): void {
  const device = BigInt(rdev);
  const major = Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn));
  const minor = Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn));
  mknodAt(dir, name, Number(mode), major, minor);
}

function ownerFrom(owner: CopyOptions['owner'], stats: BigIntStats): Owner {
  const source = { uid: Number(stats.uid), gid: Number(stats.gid) };
  return typeof owner === 'function' ? owner(source) : (owner ?? source);
}

/** Owner first: changing it takes bits of the mode and capabilities away. */
function finish({ owner }: Copy, stats: BigIntStats, to: { from: Buffer; dir: number; name: Buffer }): void {
  const { uid, gid } = ownerFrom(owner, stats);
  chownAt(to.dir, to.name, uid, gid);
  if (!stats.isSymbolicLink()) {
    const fd = openAt(to.dir, to.name, O_PATH | constants.O_NOFOLLOW);
    try {
      if (!fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${fd}`, Number(stats.mode) & 0o7777);
    } finally {
      closeSync(fd);
    }
  }
  copyXattrs(to.from, pathIn(to.dir, to.name.subarray(0, -1)));
  setTimesAt(to.dir, to.name, timeOf(stats.atimeNs), timeOf(stats.mtimeNs));
}

function copyDirectoryAttributes({ owner }: Copy, source: number, target: number): void {
  const stats = fstatSync(source, { bigint: true });
  const { uid, gid } = ownerFrom(owner, stats);
  fchownSync(target, uid, gid);
  fchmodSync(target, Number(stats.mode) & 0o7777);
  copyXattrs(Buffer.from(`/proc/self/fd/${source}/.`), Buffer.from(`/proc/self/fd/${target}/.`));
  setTimesAt(target, cstring('.'), timeOf(stats.atimeNs), timeOf(stats.mtimeNs));
}

function copyXattrs(from: Buffer, to: Buffer): void {
  for (const name of listXattrs(from)) {
    const value = getXattr(from, name);
    if (value === undefined || name.startsWith('trusted.overlay.')) continue;
    try {
      setXattr(to, name, value);
    } catch (error) {
      // Attributes that the other file system does not have, or that the kernel keeps for itself.
      if (!isErrno(error, 'EOPNOTSUPP', 'ENOTSUP', 'EPERM')) throw error;
    }
  }
}

function timeOf(nanoseconds: bigint): Timestamp {
  const seconds = nanoseconds / 1_000_000_000n - (nanoseconds % 1_000_000_000n < 0n ? 1n : 0n);
  return { seconds: Number(seconds), nanoseconds: Number(nanoseconds - seconds * 1_000_000_000n) };
}
