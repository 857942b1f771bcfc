/** What a member's header says about the inode that it was unpacked to, and how what is there differs from it. */
import { readLinkAt } from '../linux/inode.js';
import type { Inode } from '../linux/statx.js';
import { getXattr, takesXattr } from '../linux/xattr.js';
import type { LayerFaults } from './layer-faults.js';
import type { TarEntry } from './reader.js';

/** Who unpacked the layer. They differ in what they leave out, and in what else they may have written. */
export interface TreeOrigin {
  /** tspull itself, whose trees have no exceptions. */
  isOurs: boolean;
  /** The archive was made from the tree, by a build, and not the tree from the archive. */
  isSource: boolean;
  /** Added to owners by a remapping daemon; undefined where owners follow another rule and say nothing. */
  idBase: number | undefined;
}

export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

const typeOf: Partial<Record<string, number>> = {
  '0': S_IFREG,
  '2': S_IFLNK,
  '3': S_IFCHR,
  '4': S_IFBLK,
  '5': S_IFDIR,
  '6': S_IFIFO,
};

const typeNames: Record<number, string> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symbolic link',
  [S_IFCHR]: 'character device',
  [S_IFBLK]: 'block device',
  [S_IFIFO]: 'fifo',
};

export const typeName = (type: number): string => typeNames[type] ?? 'socket';

/** Undefined for a hard link, which is whatever it points to. */
export const typeOfEntry = ({ type }: TarEntry): number | undefined => typeOf[type];

/** Where times that no Go program can count in nanoseconds begin: they become 1970. */
const MAX_SECONDS = 9223372036;

export interface Place {
  dir: number;
  /** NUL-terminated. */
  base: Buffer;
  /** Path in the layer, latin1. */
  name: string;
}

/** A path by which attributes are read: links are not followed. */
export function attributePath({ dir, base }: Place): Buffer {
  const start = `/proc/self/fd/${dir}/`;
  const path = Buffer.allocUnsafe(start.length + base.length);
  path.write(start, 0, 'latin1');
  base.copy(path, start.length);
  return path;
}

/** Names that several headers share have the metadata of one of them: which one depends on who unpacked them. */
export function checkMetadata(
  place: Place,
  inode: Inode,
  { entries, origin, faults }: { entries: readonly TarEntry[]; origin: TreeOrigin; faults: LayerFaults },
): void {
  const fits = (test: (entry: TarEntry) => boolean) => entries.some(test);
  const [entry] = entries;
  if (entry === undefined) return;
  const isLink = inode.type === S_IFLNK;
  if (!isLink && !fits(({ mode }) => (mode & 0o7777) === inode.mode))
    faults.add('mode', place.name, octal(entry.mode), octal(inode.mode));
  const base = origin.idBase;
  if (base !== undefined && !fits(({ uid, gid }) => uid + base === inode.uid && gid + base === inode.gid))
    faults.add('owner', place.name, `${entry.uid + base}:${entry.gid + base}`, `${inode.uid}:${inode.gid}`);
  if (!fits((one) => hasTime(one, inode, origin)))
    faults.add('time', place.name, timeText(clamped(entry.mtime)), timeText(inode.mtime));
  if ((entry.type === '3' || entry.type === '4') && !(entry.major === inode.major && entry.minor === inode.minor))
    faults.add('device', place.name, `${entry.major}:${entry.minor}`, `${inode.major}:${inode.minor}`);
  if (entry.type === '2') checkTarget(place, entry, faults);
}

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

function checkTarget(place: Place, { linkName }: TarEntry, faults: LayerFaults): void {
  const found = readLinkAt(place.dir, place.base);
  if (found !== linkName) faults.add('link-target', place.name, linkName, found);
}

function clamped(time: TarEntry['mtime']): TarEntry['mtime'] {
  return time.seconds < 0 || time.seconds >= MAX_SECONDS ? { seconds: 0, nanoseconds: 0 } : time;
}

/** Docker's own archives have whole seconds; a file system may have nothing finer. */
function hasTime(entry: TarEntry, { mtime, type }: Inode, { isOurs }: TreeOrigin): boolean {
  const wanted = clamped(entry.mtime);
  if (wanted.seconds !== mtime.seconds) return entry.type === '1' && type === S_IFLNK;
  if (wanted.nanoseconds === mtime.nanoseconds || mtime.nanoseconds === 0) return true;
  return !isOurs && wanted.nanoseconds === 0;
}

function timeText({ seconds, nanoseconds }: TarEntry['mtime']): string {
  return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
}

/** Of overlayfs, of security modules that label what is written, and what the kernel makes another form of. */
const foreign = /^(?:trusted\.overlay\.|user\.overlay\.|security\.(?!capability$)|system\.|btrfs\.)/;

/** @param names of all attributes that the inode has */
export function checkAttributes(
  place: Place,
  names: readonly string[],
  {
    entries,
    inode,
    origin,
    faults,
  }: { entries: readonly TarEntry[]; inode: Inode } & Pick<Checked, 'origin' | 'faults'>,
): void {
  const expected = new Map(entries.flatMap(({ xattrs }) => xattrs).filter(([name]) => !foreign.test(name)));
  for (const [name, value] of expected) {
    // The kernel has `user.` for files and directories only, and a remapped capability has another form.
    if (name.startsWith('user.') && inode.type !== S_IFREG && inode.type !== S_IFDIR) continue;
    if (name === 'security.capability' && origin.idBase !== 0) continue;
    const found = names.includes(name) ? getXattr(attributePath(place).subarray(0, -1), name) : undefined;
    if (found?.equals(value)) continue;
    if (found === undefined && !takesXattr(attributePath(place).subarray(0, -1), name)) continue;
    faults.add('attribute', place.name, `${name}=${hex(value)}`, found && `${name}=${hex(found)}`);
  }
  if (origin.isSource) return;
  for (const name of names)
    if (!foreign.test(name) && !expected.has(name)) faults.add('attribute', place.name, undefined, name);
}

interface Checked {
  origin: TreeOrigin;
  faults: LayerFaults;
}

const hex = (value: Buffer): string => value.subarray(0, 64).toString('hex');
