/** Names in a root that somebody else controls, as a directory that is open and the name in it. */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { findInRoot } from '../../../store/fs/inside-root.js';
import { O_PATH } from '../../../store/linux/flags.js';
import { openAt, openAt2 } from '../../../store/linux/inode.js';
import { cstring } from '../../../store/linux/libc.js';

export interface Place extends Disposable {
  /** An open directory. */
  dir: number;
  name: Buffer;
  /** Of what is there; undefined when there is nothing. */
  stats: BigIntStats | undefined;
}

/** The kernel's limit. */
const MOST_LINKS = 40;

/**
 * Finds where a path leads; all but its last part are links of that root where they are links.
 *
 * @param follow the last part as well, also to where nothing is yet
 * @returns undefined when the directory is missing
 */
export function findPlace(root: number, path: string, follow: boolean): Place | undefined {
  let current = posix.resolve('/', path);
  for (let links = 0; links < MOST_LINKS; links++) {
    const place = placeOf(root, current);
    if (!follow || !place?.stats?.isSymbolicLink()) return place;
    const target = readlinkSync(pathOf(place), 'utf8');
    place[Symbol.dispose]();
    current = posix.resolve(posix.dirname(current), target);
  }
  return undefined;
}

function placeOf(root: number, path: string): Place | undefined {
  // The root itself is an entry of itself.
  const name = path === '/' ? '.' : posix.basename(path);
  const dir = findInRoot(root, posix.dirname(path), constants.O_DIRECTORY);
  if (dir === undefined) return undefined;
  const place: Place = { dir, name: Buffer.from(name), stats: undefined, [Symbol.dispose]: () => closeSync(dir) };
  place.stats = lstatSync(pathOf(place), { bigint: true, throwIfNoEntry: false });
  return place;
}

function pathOf({ dir, name }: Pick<Place, 'dir' | 'name'>): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name]);
}

/** For reading its entries. */
export function openDirectory(root: number, path: string): number {
  const place = openAt2(root, cstring(path), O_PATH | constants.O_DIRECTORY);
  try {
    return openAt(place, cstring('.'), constants.O_RDONLY | constants.O_DIRECTORY);
  } finally {
    closeSync(place);
  }
}

/** The directory of a place. */
export function openPlace({ dir, name }: Place): number {
  const fd = openAt(dir, cstring(name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  if (fstatSync(fd).isDirectory()) return fd;
  closeSync(fd);
  throw new Error('not a directory');
}
