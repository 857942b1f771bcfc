/**
 * `docker cp`: files from a container to the host and back. Both sides are looked up by the kernel below a descriptor of their root, so that
 * no link of a container leads out of it, and the caller's path is his own.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { type CopyOptions, copyEntries, copyEntry } from '../../../store/fs/copy-tree.js';
import { readTextInRoot } from '../../../store/fs/inside-root.js';
import { O_PATH } from '../../../store/linux/flags.js';
import { printable } from '../../../store/printable.js';
import { type ArchiveSink, archiveEntry } from '../../../store/tar/archive-tree.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import { recordEvent } from '../../containers/events/journal.js';
import { resolveUser } from '../../run/spec/user.js';
import { ownersFor, usernsOf } from '../../run/userns/container-owners.js';
import { find } from '../ask.js';
import { behindMounts, openContainerRoot } from './container-root.js';
import { extractInto } from './extract-into.js';
import { findPlace, openPlace, type Place } from './places.js';

export interface CopyFlags {
  /** What comes into the container belongs to its user, instead of to whom it belongs here. What comes out is the caller's in any case. */
  archive?: boolean;
  /** Copy what the source leads to, if it is a link. */
  followLink?: boolean;
}

/** One side of a copy. */
interface Side {
  root: number;
  /** As it was given: an end of `/` or `/.` means something. */
  path: string;
  missing: (path: string) => KnownError;
}

export async function copyFromContainer(
  root: string,
  from: { container: string; path: string },
  to: string,
  { followLink = false }: CopyFlags = {},
): Promise<void> {
  const record = find(root, from.container);
  const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await unlessMounted(to, () =>
    withSide(root, record, from, async (source) => {
      await withHost((host) => copy(source, { ...host, path: hostPath(to) }, followLink, { owner: caller }));
    }),
  );
}

export async function copyToContainer(
  root: string,
  from: string,
  to: { container: string; path: string },
  { archive = false, followLink = false }: CopyFlags = {},
): Promise<void> {
  const record = find(root, to.container);
  const work = async (target: Side): Promise<void> => {
    const options = ownedInside(record, target.root, archive);
    await withHost((host) => copy({ ...host, path: hostPath(from) }, target, followLink, options));
  };
  await unlessMounted(to.path, () => withSide(root, record, to, work, true));
}

/** As an archive, with the name that it has in the container as its top. */
export async function archiveFromContainer(
  root: string,
  from: { container: string; path: string },
  sink: ArchiveSink,
  { followLink = false }: CopyFlags = {},
): Promise<void> {
  const record = find(root, from.container);
  await withSide(root, record, from, async (side) => {
    using source = findSource(side, followLink);
    const base = posix.basename(posix.resolve('/', side.path)) || '.';
    const owners = ownersFor(usernsOf(record));
    const place = { dir: source.dir, name: source.name, as: Buffer.from(base) };
    await archiveEntry(place, sink, owners === undefined ? {} : { owner: owners.inside });
  });
}

/** Unpacks an archive in a directory of the container that is there. */
export async function extractToContainer(
  root: string,
  to: { container: string; path: string },
  archive: AsyncIterable<Buffer>,
  { archive: isArchive = false }: CopyFlags = {},
): Promise<void> {
  const record = find(root, to.container);
  const work = async (side: Side): Promise<void> => {
    using target = findPlace(side.root, side.path, true);
    if (target?.stats === undefined) throw side.missing(posix.resolve('/', side.path));
    if (!target.stats.isDirectory())
      throw new KnownError(
        'E_RUN',
        `destination "${printable(to.container)}:${printable(to.path)}" must be a directory`,
      );
    const directory = openPlace(target);
    try {
      await extractInto(root, record.id, archive, directory, ownedInside(record, side.root, isArchive));
    } finally {
      closeSync(directory);
    }
  };
  await unlessMounted(to.path, () => withSide(root, record, to, work, true));
}

async function withSide(
  root: string,
  record: ContainerRecord,
  { container, path }: { container: string; path: string },
  work: (side: Side) => Promise<void>,
  writes = false,
): Promise<void> {
  using opened = await openContainerRoot(root, record);
  const missing = (text: string): KnownError =>
    new KnownError('E_RUN', `Could not find the file ${printable(text)} in container ${printable(container)}`);
  const behind = behindMounts(opened.mounts, path);
  if (writes) refuseReadOnly(record, behind?.readonly);
  if (writes && behind?.isFile) throw inUse(path);
  const mounted = behind && openSync(behind.source, O_PATH | constants.O_DIRECTORY);
  try {
    if (behind === undefined || mounted === undefined) await work({ root: opened.fd, path, missing });
    else await work({ root: mounted, path: `${behind.path}${/\/\.?$/.exec(path)?.[0] ?? ''}`, missing });
    recordEvent(root, record, writes ? 'extract-to-dir' : 'archive-path');
  } catch (cause) {
    if (isErrno(cause, 'EROFS')) throw new KnownError('E_CONFLICT', 'mounted volume is marked read-only', { cause });
    if (!isPassing(cause)) throw cause;
    throw new KnownError('E_RUN', 'files were changed while they were copied', { cause, hint: 'try again' });
  } finally {
    if (mounted !== undefined) closeSync(mounted);
  }
}

/** A copy takes the place of what is there, which cannot be when that is mounted. */
async function unlessMounted(target: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isErrno(cause, 'EBUSY', 'EXDEV')) throw inUse(target, cause);
    throw cause;
  }
}

function inUse(path: string, cause?: unknown): KnownError {
  return new KnownError('E_RUN', `cannot write ${printable(path)}: a file of it is mounted: device or resource busy`, {
    cause,
    hint: 'change the file that is mounted',
  });
}

/** Of one that runs the kernel refuses what is read-only. */
function refuseReadOnly({ request }: ContainerRecord, mount: boolean | undefined): void {
  if (mount) throw new KnownError('E_RUN', 'mounted volume is marked read-only');
  const { readonly = false } = (request?.options ?? {}) as { readonly?: boolean };
  if (mount === undefined && readonly) throw new KnownError('E_RUN', 'container rootfs is marked read-only');
}

/** What a name can answer that was something else a moment before. */
const passing = ['ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENOTEMPTY', 'EISDIR', 'EAGAIN', 'ERANGE'];

/** How often a copy is begun anew: somebody who changes a name without a pause meets few of them twice. */
const TRIES = 20;

function isPassing(error: unknown): boolean {
  // readlink(2) of what is no link any more.
  return (
    isErrno(error, ...passing) ||
    (error instanceof Error && isErrno(error, 'EINVAL') && 'syscall' in error && error.syscall === 'readlink')
  );
}

async function withHost(work: (side: Omit<Side, 'path'>) => void): Promise<void> {
  const root = openSync('/', O_PATH | constants.O_DIRECTORY);
  const missing = (path: string): KnownError =>
    new KnownError('E_RUN', `lstat ${printable(path)}: no such file or directory`);
  try {
    work({ root, missing });
  } finally {
    closeSync(root);
  }
}

/** Absolute, with what its end means. */
function hostPath(path: string): string {
  const end = /(?:^|\/)\.$/.test(path) ? '/.' : path.endsWith('/') ? '/' : '';
  return `${resolve(path)}${end}`;
}

function findSource({ root, path, missing }: Side, followLink: boolean): Place {
  const clean = posix.resolve('/', path);
  const place = findPlace(root, clean, followLink || /\/\.?$/.test(path));
  if (place?.stats === undefined) {
    place?.[Symbol.dispose]();
    throw missing(clean);
  }
  if (/\/\.?$/.test(path) && !place.stats.isDirectory()) {
    place[Symbol.dispose]();
    throw new KnownError('E_RUN', 'not a directory');
  }
  return place;
}

function copy(from: Side, to: Side, followLink: boolean, options: CopyOptions): void {
  for (let tries = 1; ; tries++) {
    try {
      copyOnce(from, to, followLink, options);
      return;
    } catch (error) {
      if (!isPassing(error) || tries === TRIES) throw error;
    }
  }
}

function copyOnce(from: Side, to: Side, followLink: boolean, options: CopyOptions): void {
  using source = findSource(from, followLink);
  const isDirectory = source.stats?.isDirectory() ?? false;
  const clean = posix.resolve('/', to.path);
  using target = findPlace(to.root, clean, true);
  if (target === undefined) throw noParent(from, to, clean);
  if (target.stats === undefined) {
    if (to.path.endsWith('/') && !isDirectory) throw new KnownError('E_RUN', 'no such directory');
    copyEntry(source, target, options);
    return;
  }
  if (!target.stats.isDirectory()) {
    if (isDirectory) throw new KnownError('E_RUN', 'cannot copy directory');
    if (/\/\.?$/.test(to.path)) throw new KnownError('E_RUN', 'not a directory');
    copyEntry(source, target, options);
    return;
  }
  const directory = openPlace(target);
  try {
    if (isDirectory && isContent(from.path)) copyOver(source, directory, options);
    else
      copyEntry(source, { dir: directory, name: Buffer.from(posix.basename(posix.resolve('/', from.path))) }, options);
  } finally {
    closeSync(directory);
  }
}

/** What is in the directory is meant, not the directory. */
const isContent = (path: string): boolean => path.endsWith('/.') || posix.resolve('/', path) === '/';

/** The directory that is there stays as it is. */
function copyOver(source: Place, target: number, options: CopyOptions): void {
  const directory = openPlace(source);
  try {
    copyEntries(directory, target, options);
  } finally {
    closeSync(directory);
  }
}

/** Into a container it is that the file cannot be found there. */
function noParent(from: Side, to: Side, path: string): KnownError {
  const parent = posix.dirname(path);
  if (to.path.endsWith('/')) return new KnownError('E_RUN', 'no such directory');
  if (from.root === to.root || to.missing('').message.startsWith('lstat'))
    return new KnownError('E_RUN', `invalid output path: directory "${printable(parent)}" does not exist`);
  return to.missing(parent);
}

const LARGEST_DATABASE = 1024 * 1024;

/** On the disk of a container with a user namespace its files are somebody's of the host. */
function ownedInside(record: ContainerRecord, root: number, isArchive: boolean): CopyOptions {
  const { owner } = isArchive ? ownerOf(record, root) : {};
  const owners = ownersFor(usernsOf(record));
  return { owner: owners === undefined ? owner : (source) => owners.onDisk(owner ?? source) };
}

function ownerOf({ request }: ContainerRecord, root: number): { owner?: { uid: number; gid: number } } {
  const { config = {}, options = {} } = (request ?? {}) as { config?: { User?: string }; options?: { user?: string } };
  const user = options.user || config.User || '';
  if (user === '') return {};
  const { uid, gid } = resolveUser({
    user,
    groupAdd: [],
    passwd: readTextInRoot(root, '/etc/passwd', LARGEST_DATABASE) ?? '',
    group: readTextInRoot(root, '/etc/group', LARGEST_DATABASE) ?? '',
  });
  return { owner: { uid, gid } };
}
