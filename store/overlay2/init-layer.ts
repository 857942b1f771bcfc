/**
 * What a container needs in its root and an image may lack, as dockerd writes it into a layer of its own between the
 * image and the container's writable layer: mount points, files to mount on, /etc/mtab.
 */
import { closeSync, constants, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { O_PATH } from '../linux/flags.js';
import { chmodAt, mkdirAt, mknodAt, openAt2, symlinkAt, unlinkAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { mountOverlay } from '../linux/overlay.js';
import { layerDirs, overlayHome, readLower } from './layer-dir.js';

type Kind = 'file' | { link: string } | { directory: readonly Entry[] };
type Entry = readonly [name: string, kind: Kind];

/** Files are empty with mode 0755, directories have 0755. */
const content: readonly Entry[] = [
  [
    'dev',
    {
      directory: [
        ['pts', { directory: [] }],
        ['shm', { directory: [] }],
        ['console', 'file'],
      ],
    },
  ],
  ['proc', { directory: [] }],
  ['sys', { directory: [] }],
  ['.dockerenv', 'file'],
  [
    'etc',
    {
      directory: [
        ['resolv.conf', 'file'],
        ['hosts', 'file'],
        ['hostname', 'file'],
        ['mtab', { link: '/proc/mounts' }],
      ],
    },
  ],
];

/**
 * Fills the layer through a mount of the whole stack, so that directories of the image are copied up with their owner
 * and mode. Anything that is no directory at one of the paths, or above it, is replaced: a link there would redirect
 * what is mounted later.
 */
export function fillInitLayer(root: string, cacheId: string): void {
  const lower = readLower(root, cacheId);
  const tree =
    lower.length === 0
      ? openSync(layerDirs(root, cacheId).diff, O_PATH | constants.O_DIRECTORY)
      : mountOverlay({
          home: overlayHome(root),
          lower,
          upper: { diff: join(cacheId, 'diff'), work: join(cacheId, 'work') },
          volatile: true,
        });
  try {
    fill(tree, content);
  } finally {
    closeSync(tree);
  }
  if (lower.length > 0) forgetVolatile(layerDirs(root, cacheId).work);
}

/** The mark that a volatile mount leaves would keep the layer from being mounted again (overlayfs.rst, "Volatile mount"). */
function forgetVolatile(work: string): void {
  const mark = join(work, 'work', 'incompat', 'volatile');
  unlinkSync(join(mark, 'dirty'));
  rmdirSync(mark);
  rmdirSync(join(mark, '..'));
}

function fill(folder: number, entries: readonly Entry[]): void {
  for (const [text, kind] of entries) {
    const name = cstring(text);
    if (!hasDirectory(folder, name)) make(folder, name, kind);
    if (typeof kind === 'string' || 'link' in kind || kind.directory.length === 0) continue;
    const inner = openAt2(folder, name, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      fill(inner, kind.directory);
    } finally {
      closeSync(inner);
    }
  }
}

/** Removes what is there, unless it is a directory. */
function hasDirectory(folder: number, name: Buffer): boolean {
  try {
    unlinkAt(folder, name);
    return false;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EISDIR')) throw error;
    return isErrno(error, 'EISDIR');
  }
}

function make(folder: number, name: Buffer, kind: Kind): void {
  if (typeof kind === 'object' && 'link' in kind) {
    symlinkAt(cstring(kind.link), folder, name);
    return;
  }
  if (kind === 'file') mknodAt(folder, name, constants.S_IFREG | 0o755);
  else mkdirAt(folder, name, 0o755);
  chmodAt(folder, name, 0o755);
}
