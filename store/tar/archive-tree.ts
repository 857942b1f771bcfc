/** Makes an archive of a directory as Docker does, below its descriptor: no link is followed, whoever changes the tree meanwhile. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { KnownError } from '../errors.js';
import { openAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { getXattr } from '../linux/xattr.js';
import { printable } from '../printable.js';
import { archiveEnd, type MemberHeader, memberHeader, paddingAfter } from './member-header.js';

/** Takes bytes; they are not to be kept, and nothing more comes until it settles. */
export type ArchiveSink = (bytes: Buffer) => void | Promise<void>;

export interface ArchiveOptions {
  /** The directory is the upper one of an overlay mount: what notes a deletion there becomes a whiteout of a layer. */
  whiteouts?: boolean;
  /** Whose a file is in the archive. */
  owner?: (onDisk: Owner) => Owner;
}

export interface Owner {
  uid: number;
  gid: number;
}

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const READ_BYTES = 1024 * 1024;
/** Each level holds a descriptor. */
const DEEPEST = 1000;

interface Archive {
  whiteouts: boolean;
  owner: (onDisk: Owner) => Owner;
  sink: ArchiveSink;
  buffer: Buffer;
  /** Names of files with several, by device and inode. */
  first: Map<string, Buffer>;
}

/** All that a directory contains, but not itself. */
export async function archiveContent(dir: number, sink: ArchiveSink, options: ArchiveOptions = {}): Promise<void> {
  await addContent(newArchive(sink, options), dir, Buffer.alloc(0), 0);
  await sink(archiveEnd);
}

/** One entry of a directory and all below it, under a name of its own. */
export async function archiveEntry(
  { dir, name, as }: { dir: number; name: Buffer; as: Buffer },
  sink: ArchiveSink,
  options: ArchiveOptions = {},
): Promise<void> {
  await addEntry(newArchive(sink, options), { dir, name, path: as, depth: 0 });
  await sink(archiveEnd);
}

function newArchive(sink: ArchiveSink, { whiteouts = false, owner = (onDisk) => onDisk }: ArchiveOptions): Archive {
  return { whiteouts, owner, sink, buffer: Buffer.allocUnsafe(READ_BYTES), first: new Map() };
}

async function addContent(archive: Archive, dir: number, path: Buffer, depth: number): Promise<void> {
  if (depth > DEEPEST)
    throw new KnownError('E_RUN', `the directory ${printable(path.toString())} lies too deep to be archived`);
  const names = readdirSync(`/proc/self/fd/${dir}`, { encoding: 'buffer' }).sort(Buffer.compare);
  for (const name of names) await addEntry(archive, { dir, name, path: Buffer.concat([path, name]), depth });
}

interface Entry {
  dir: number;
  name: Buffer;
  /** In the archive. */
  path: Buffer;
  depth: number;
}

async function addEntry(archive: Archive, entry: Entry): Promise<void> {
  const { dir, name, path } = entry;
  const place = Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name]);
  const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  // It is gone by now, or it is a socket, which no archive has.
  if (stats === undefined || stats.isSocket()) return;
  if (archive.whiteouts && stats.isCharacterDevice() && stats.rdev === 0n) {
    await archive.sink(memberHeader(whiteout(path)));
    return;
  }
  if (stats.isDirectory()) return await addDirectory(archive, entry, stats, place);
  const header = headerOf(archive, stats, path, place);
  const key = `${stats.dev}:${stats.ino}`;
  const first = stats.nlink > 1n ? archive.first.get(key) : undefined;
  if (first !== undefined) {
    await archive.sink(memberHeader({ ...header, type: '1', size: 0, linkName: first }));
    return;
  }
  if (stats.nlink > 1n) archive.first.set(key, path);
  if (header.type === '0') await addFile(archive, entry, header);
  else await archive.sink(memberHeader(header));
}

async function addDirectory(archive: Archive, entry: Entry, stats: BigIntStats, place: Buffer): Promise<void> {
  const path = Buffer.concat([entry.path, Buffer.from('/')]);
  const inside = openAt(entry.dir, cstring(entry.name), OPEN_DIRECTORY);
  try {
    await archive.sink(memberHeader(headerOf(archive, stats, path, place)));
    if (archive.whiteouts && getXattr(place, 'trusted.overlay.opaque')?.toString() === 'y')
      await archive.sink(memberHeader(plainFile(Buffer.concat([path, Buffer.from('.wh..wh..opq')]))));
    await addContent(archive, inside, path, entry.depth + 1);
  } finally {
    closeSync(inside);
  }
}

/** As long as its header says, whatever is written to it meanwhile. */
async function addFile({ sink, buffer }: Archive, { dir, name }: Entry, header: MemberHeader): Promise<void> {
  const fd = openAt(dir, cstring(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return;
    await sink(memberHeader({ ...header, size: stats.size }));
    for (let left = stats.size; left > 0; ) {
      const count = readSync(fd, buffer, 0, Math.min(left, buffer.length), null);
      const chunk = count === 0 ? Buffer.alloc(Math.min(left, buffer.length)) : buffer.subarray(0, count);
      await sink(chunk);
      left -= chunk.length;
    }
    await sink(paddingAfter(stats.size));
  } finally {
    closeSync(fd);
  }
}

function whiteout(path: Buffer): MemberHeader {
  const cut = path.lastIndexOf('/') + 1;
  return plainFile(Buffer.concat([path.subarray(0, cut), Buffer.from('.wh.'), path.subarray(cut)]));
}

function plainFile(name: Buffer): MemberHeader {
  return { type: '0', name, mode: 0o100600, uid: 0, gid: 0, size: 0, mtime: 0 };
}

function headerOf({ owner }: Archive, stats: BigIntStats, name: Buffer, place: Buffer): MemberHeader {
  const capability = stats.isSymbolicLink() ? undefined : getXattr(place, 'security.capability');
  const { rdev } = stats;
  const isDevice = stats.isBlockDevice() || stats.isCharacterDevice();
  return {
    type: typeOf(stats),
    name,
    mode: Number(stats.mode),
    ...owner({ uid: Number(stats.uid), gid: Number(stats.gid) }),
    size: 0,
    mtime: Number(stats.mtimeNs / 1_000_000_000n),
    ...(stats.isSymbolicLink() && { linkName: readlinkSync(place, { encoding: 'buffer' }) }),
    ...(isDevice && {
      major: Number(((rdev >> 32n) & 0xfffff000n) | ((rdev >> 8n) & 0xfffn)),
      minor: Number(((rdev >> 12n) & 0xffffff00n) | (rdev & 0xffn)),
    }),
    ...(capability !== undefined && { xattrs: [['security.capability', capability]] as const }),
  };
}

function typeOf(stats: BigIntStats): MemberHeader['type'] {
  if (stats.isDirectory()) return '5';
  if (stats.isSymbolicLink()) return '2';
  if (stats.isCharacterDevice()) return '3';
  if (stats.isBlockDevice()) return '4';
  return stats.isFIFO() ? '6' : '0';
}
