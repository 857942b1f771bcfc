/**
 * Writes the members of one layer below a pinned directory, as dockerd's native overlay2 mode does: whiteouts become character
 * devices 0:0, opaque directories get `trusted.overlay.opaque`. Metadata of directories comes last, in one go, so that an
 * unwritable or setgid directory never changes what is written into it.
 */
import { closeSync, constants, fchmodSync, fchownSync, lstatSync, writeSync } from 'node:fs';
import { isErrno, KnownError } from '../errors.js';
import { AT_REMOVEDIR } from '../linux/flags.js';
import {
  chmodAt,
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  openAt,
  setTimes,
  setTimesAt,
  symlinkAt,
  type Timestamp,
  unlinkAt,
} from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { setXattr, setXattrOn } from '../linux/xattr.js';
import { printable } from '../printable.js';
import { DirectoryCache } from './directory-cache.js';
import { splitEntryPath, whiteoutOf } from './entry-path.js';
import { archiveError } from './header.js';
import type { TarEntry } from './reader.js';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** 2262-04-11T23:47:16Z: where Go's nanosecond times end; dockerd writes 1970 for what lies outside. */
const MAX_SECONDS = 9223372036;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

const deviceTypes: Record<string, number> = { '3': 0o020000, '4': 0o060000, '6': 0o010000 };

interface Place {
  fd: number;
  base: Buffer;
  alias: boolean;
}

interface DirectoryMetadata {
  entry: TarEntry;
  place: { parent: string; base: string };
}

export class TreeWriter {
  readonly #directories: DirectoryCache;
  readonly #exactModes: boolean;
  readonly #explicit = new Map<string, DirectoryMetadata>();
  /** `parent/base` of whiteouts made so far: a later member of that name replaces them. */
  readonly #whiteouts = new Set<string>();
  /** Opaque markers and the root's own entry: what leaves no name in the tree that a duplicate would hit. */
  readonly #marks = new Set<string>();
  #file: { fd: number; entry: TarEntry } | undefined;
  #size = 0;

  readonly #whiteoutOf: typeof whiteoutOf;

  /**
   * @param root an open directory, the empty `diff` of the layer; it stays the caller's
   * @param exactModes what is made there has the very mode that is asked for, so it need not be set again
   * @param isLayer false for an archive in which names of whiteouts are names like others
   */
  constructor(root: number, exactModes: boolean, isLayer = true) {
    this.#directories = new DirectoryCache(root, exactModes);
    this.#exactModes = exactModes;
    this.#whiteoutOf = isLayer ? whiteoutOf : () => undefined;
  }

  /** Bytes as dockerd counts a layer's size: file lengths and symlink target lengths, each inode once. */
  get size(): number {
    return this.#size;
  }

  /**
   * Writes one member. True when a record of the archive may name it: whatever content it has lies in the tree under
   * that very name.
   */
  add(entry: TarEntry): boolean {
    const path = splitEntryPath(entry.name);
    if (path === undefined) return this.#mark('') && entry.payload === 0;
    checkIds(entry);
    const whiteout = this.#whiteoutOf(path.base);
    const parent = this.#directories.get(path.parent);
    if (whiteout !== undefined) {
      if (whiteout.kind === 'opaque') this.#opaque(parent.fd, path.parent);
      else this.#whiteout(parent.fd, path.parent, whiteout.base, entry);
      return entry.payload === 0 && !parent.alias;
    }
    const place: Place = { fd: parent.fd, base: cstring(Buffer.from(path.base, 'latin1')), alias: parent.alias };
    if (entry.type === '5') this.#directory(entry, path, place);
    else this.#create(entry, path, place);
    return !parent.alias && (entry.payload === 0 || opensAsWritten(entry.name));
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#file === undefined) return;
    for (let at = start; at < end; ) at += writeSync(this.#file.fd, buffer, at, end - at);
  }

  endOfEntry(): void {
    if (this.#file === undefined) return;
    const { fd, entry } = this.#file;
    this.#file = undefined;
    finishInode(fd, entry, this.#modeAtOnce(entry) !== undefined);
  }

  /** The mode with which a file can be made for good: chown clears the bits that are not in it. */
  #modeAtOnce({ mode }: TarEntry): number | undefined {
    return this.#exactModes && (mode & 0o7000) === 0 ? mode & 0o777 : undefined;
  }

  /** Applies what directories still lack, and lets go of all descriptors. */
  finish(): void {
    for (const { entry, place } of this.#explicit.values()) {
      const { fd } = this.#directories.get(place.parent);
      finishInode(openAt(fd, cstring(Buffer.from(place.base, 'latin1')), OPEN_DIRECTORY), entry);
    }
    this.close();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#directories.closeAll();
  }

  #mark(name: string): true {
    if (this.#marks.has(name)) throw duplicate();
    this.#marks.add(name);
    return true;
  }

  #opaque(fd: number, directory: string): void {
    this.#mark(`${directory}/`);
    setXattr(`/proc/self/fd/${fd}/.`, 'trusted.overlay.opaque', Buffer.from('y'));
  }

  #whiteout(fd: number, parent: string, target: string, entry: TarEntry): void {
    const base = cstring(Buffer.from(target, 'latin1'));
    try {
      mknodAt(fd, base, 0o020000);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw archiveError('the layer both adds and removes this name');
      throw error;
    }
    if (entry.uid !== 0 || entry.gid !== 0) chownAt(fd, base, entry.uid, entry.gid);
    this.#whiteouts.add(`${parent}/${target}`);
  }

  #directory(entry: TarEntry, path: { parent: string; base: string }, place: Place): void {
    const key = `${path.parent}/${path.base}`;
    if (this.#explicit.has(key)) throw duplicate();
    try {
      mkdirAt(place.fd, place.base, 0o755);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      // A directory made as the parent of an earlier member is the one meant here.
      if (!isDirectory(place)) this.#replacing(path, place, () => mkdirAt(place.fd, place.base, 0o755));
    }
    this.#explicit.set(key, { entry, place: path });
  }

  #create(entry: TarEntry, path: { parent: string; base: string }, place: Place): void {
    this.#replacing(path, place, () => this.#make(entry, place));
    if (entry.type === '0') {
      this.#size += entry.payload;
      return;
    }
    if (entry.type === '2') this.#size += Buffer.byteLength(entry.linkName, 'latin1');
    this.#metadata(entry, place);
  }

  #make(entry: TarEntry, { fd, base }: Place): void {
    const device = deviceTypes[entry.type];
    if (entry.type === '0') this.#file = { fd: openAt(fd, base, CREATE, this.#modeAtOnce(entry) ?? 0o600), entry };
    else if (entry.type === '1') this.#hardLink(entry, fd, base);
    else if (entry.type === '2') symlinkAt(cstring(Buffer.from(entry.linkName, 'latin1')), fd, base);
    else if (device !== undefined) mknodAt(fd, base, device, entry.major, entry.minor);
    else throw archiveError(`unhandled tar header type ${entry.type.charCodeAt(0)}`);
  }

  /** Runs `make`; a whiteout of this name from the same layer gives way, anything else there is a duplicate. */
  #replacing(path: { parent: string; base: string }, place: Place, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      if (!this.#whiteouts.delete(`${path.parent}/${path.base}`) && !place.alias) throw duplicate();
      try {
        unlinkAt(place.fd, place.base);
      } catch (unlinkError) {
        if (!isErrno(unlinkError, 'EISDIR', 'EPERM')) throw unlinkError;
        unlinkAt(place.fd, place.base, AT_REMOVEDIR);
      }
      make();
    }
  }

  /** The target is a name of this layer; symbolic links on the way are followed inside it, the last component never. */
  #hardLink(entry: TarEntry, fd: number, base: Buffer): void {
    let target: ReturnType<typeof splitEntryPath>;
    try {
      target = splitEntryPath(entry.linkName);
    } catch (error) {
      if (error instanceof KnownError) throw archiveError('invalid hardlink target: it leads out of the layer', error);
      throw error;
    }
    if (target === undefined) throw archiveError('invalid hardlink target: a directory');
    try {
      linkAt(this.#directories.get(target.parent).fd, cstring(Buffer.from(target.base, 'latin1')), fd, base);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw archiveError('invalid hardlink target: no such file in this layer');
      if (isErrno(error, 'EPERM')) throw archiveError('invalid hardlink target: a directory');
      if (isErrno(error, 'EMLINK')) throw archiveError('too many hard links to one file');
      throw error;
    }
  }

  /** The same by name, for what cannot be opened without an effect: links, devices, fifos. */
  #metadata(entry: TarEntry, { fd, base }: { fd: number; base: Buffer }): void {
    if (entry.uid !== 0 || entry.gid !== 0 || entry.type === '1') chownAt(fd, base, entry.uid, entry.gid);
    setAttributes(entry, (name, value) => setXattr(pathOf({ fd, base }), name, value));
    if (entry.type !== '2' && !(entry.type === '1' && isSymlink({ fd, base }))) chmodAt(fd, base, entry.mode & 0o7777);
    const time = clamp(entry.mtime);
    setTimesAt(fd, base, time, time);
  }
}

/** Owner, attributes, mode (after the owner, which clears setuid) and times through a descriptor, which is closed. */
function finishInode(fd: number, entry: TarEntry, hasMode = false): void {
  try {
    if (entry.uid !== 0 || entry.gid !== 0) fchownSync(fd, entry.uid, entry.gid);
    setAttributes(entry, (name, value) => setXattrOn(fd, name, value));
    if (!hasMode) fchmodSync(fd, entry.mode & 0o7777);
    const time = clamp(entry.mtime);
    setTimes(fd, time, time);
  } finally {
    closeSync(fd);
  }
}

/** Whoever rebuilds the archive opens the name as it stands; `..` may pass through what does not exist, `/` and `/.` want a directory. */
function opensAsWritten(name: string): boolean {
  return !/(?:^|\/)\.\.(?:\/|$)|\/\.?$/.test(name);
}

function duplicate(): KnownError {
  return archiveError('duplicates of file paths not supported');
}

/** -1 means "leave unchanged" to chown, and larger numbers would wrap around to root. */
function checkIds(entry: TarEntry): void {
  for (const id of [entry.uid, entry.gid])
    if (id < 0 || id >= 0xffffffff) throw archiveError(`owner ${id} is outside 0 to 4294967294`);
}

function clamp({ seconds, nanoseconds }: Timestamp): Timestamp {
  return seconds < 0 || seconds >= MAX_SECONDS ? { seconds: 0, nanoseconds: 0 } : { seconds, nanoseconds };
}

/** overlayfs's own attributes would graft or hide directories; they are data of the archive only, never of the tree. */
function layerXattrs(entry: TarEntry): TarEntry['xattrs'] {
  return entry.xattrs.filter(([name]) => !name.startsWith('trusted.overlay.') && !name.startsWith('user.overlay.'));
}

/** EPERM and an unsupported namespace are ignored, as dockerd 20.10 does. */
function setAttributes(entry: TarEntry, set: (name: string, value: Buffer) => void): void {
  for (const [name, value] of layerXattrs(entry)) {
    try {
      set(name, value);
    } catch (error) {
      if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP')) continue;
      // A name or value that no file system takes: of the wrong form, or too long.
      if (isErrno(error, 'EINVAL', 'E2BIG', 'ERANGE'))
        throw archiveError(`invalid extended attribute "${printable(name, 100)}"`, error);
      throw error;
    }
  }
}

function pathOf({ fd, base }: { fd: number; base: Buffer }): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), base.subarray(0, -1)]);
}

function isSymlink(place: { fd: number; base: Buffer }): boolean {
  return lstatSync(pathOf(place)).isSymbolicLink();
}

function isDirectory(place: { fd: number; base: Buffer }): boolean {
  return lstatSync(pathOf(place)).isDirectory();
}
