/**
 * The shape of a data root, made where missing with the modes that dockerd gives it, and the guard against two kinds of
 * writers. Everything of our own lies in `<root>/tspull/`, which dockerd never looks at:
 *
 *     <root>/tspull/                    0700
 *       lock                            exclusive while metadata of several files changes
 *       locks/<chainID>                 exclusive while a layer is fetched, shared while someone relies on it
 *       staging/<id>/                   a layer being unpacked; its own lock file tells whether anybody still works on it
 *       partial/<algorithm>-<digits>    the beginning of a blob whose download was cut off
 *       unproven/<chainID>.<boot id>    committed in that boot, and not confirmed by a later sync, see layers/unproven.ts
 *       layers/<chainID>                what is remembered of a layer besides its record, see layers/layer-memo.ts
 *       manifests/<image>/<digest>      index and manifest of an image byte for byte
 *       used/<image>                    its time is that of the image's last use
 *       reserve                         room that is given up when the disk is full and something is to be removed
 *       containers/ live/ names/        containers of tsrun
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from './errors.js';
import { ensureDirectory } from './fs/exact-mode.js';
import { type HeldLock, tryAcquire } from './fs/lock.js';

const LAST_OF_TREE = 'tspull/containers';
const tree: [path: string, mode: number][] = [
  ['image', 0o700],
  ['image/overlay2', 0o700],
  ['image/overlay2/imagedb', 0o700],
  ['image/overlay2/imagedb/content', 0o700],
  ['image/overlay2/imagedb/content/sha256', 0o700],
  ['image/overlay2/imagedb/metadata', 0o700],
  ['image/overlay2/imagedb/metadata/sha256', 0o700],
  ['image/overlay2/layerdb', 0o700],
  ['image/overlay2/layerdb/sha256', 0o755],
  ['image/overlay2/layerdb/mounts', 0o755],
  ['image/overlay2/distribution', 0o700],
  ['image/overlay2/distribution/diffid-by-digest', 0o755],
  ['image/overlay2/distribution/diffid-by-digest/sha256', 0o755],
  ['image/overlay2/distribution/v2metadata-by-diffid', 0o755],
  ['image/overlay2/distribution/v2metadata-by-diffid/sha256', 0o755],
  ['overlay2', 0o710],
  ['overlay2/l', 0o700],
  ['volumes', 0o701],
  ['tspull', 0o700],
  ['tspull/locks', 0o700],
  ['tspull/staging', 0o700],
  ['tspull/partial', 0o700],
  ['tspull/layers', 0o700],
  ['tspull/used', 0o700],
  [LAST_OF_TREE, 0o700],
];

export const privateDir = (root: string): string => join(root, 'tspull');
export const stagingDir = (root: string): string => join(root, 'tspull', 'staging');
export const partialDir = (root: string): string => join(root, 'tspull', 'partial');
/** Index and manifest of an image byte for byte, one file a document, named by its digest's digits. */
export const manifestsDir = (root: string, imageHex: string): string => join(root, 'tspull', 'manifests', imageHex);
export const reservePath = (root: string): string => join(root, 'tspull', 'reserve');
/** What a removal may give up when the disk is full, in this order; the copy of the names is made anew with the next change. */
export const reservesOf = (root: string): string[] => [
  reservePath(root),
  join(root, 'image', 'overlay2', 'repositories.json.last-good'),
];
export const storeLockPath = (root: string): string => join(root, 'tspull', 'lock');

/** Whether {@link makeDataRoot} has come to its end here once: its last directory is there. */
export function isDataRoot(root: string): boolean {
  return existsSync(join(root, LAST_OF_TREE));
}

/** Makes what is missing of the tree. A root in containerd mode must have been refused before. */
export function makeDataRoot(root: string): void {
  try {
    if (!existsSync(root)) {
      mkdirSync(join(root, '..'), { recursive: true });
      ensureDirectory(root, 0o710);
    }
    for (const [path, mode] of tree) ensureDirectory(join(root, path), mode);
  } catch (cause) {
    if (isErrno(cause, 'EACCES', 'EPERM'))
      throw new KnownError('E_PERMISSION', `cannot make the data root ${JSON.stringify(root)}: permission denied`, {
        cause,
        hint: 'run as root, or name a directory of your own with --root',
      });
    if (isErrno(cause, 'EROFS', 'ENOSPC', 'ENOTDIR'))
      throw new KnownError('E_STORE_IO', `cannot make the data root ${JSON.stringify(root)}: ${String(cause)}`, {
        cause,
      });
    throw cause;
  }
}

/** Files and directories that dockerd's containerd image store leaves and the overlay2 driver does not. */
const containerdMarks = ['image/identity-cache.db', 'buildkit/containerd-overlayfs', 'rootfs/overlayfs'];

/**
 * Refuses a root whose dockerd keeps its images in containerd: an `overlay2` directory made inside it would hide all of
 * them at the daemon's next start.
 */
export function refuseContainerdMode(root: string): void {
  if (hasEntries(join(root, 'overlay2'))) return;
  const mark = containerdMarks.find((path) => existsSync(join(root, path)));
  if (mark === undefined) return;
  throw new KnownError(
    'E_STORE_MODE',
    `the data root ${JSON.stringify(root)} belongs to a Docker that keeps images in containerd (${mark} is there)`,
    {
      hint: 'use another --root; writing overlay2 here would hide the images of that Docker',
    },
  );
}

function hasEntries(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Whether a dockerd runs on the root; nothing is made there to find out. */
export function hasDaemon(root: string): boolean {
  const path = daemonLockPath(root);
  if (!existsSync(path)) return false;
  using lock = tryAcquire(path, 'shared');
  return lock === undefined;
}

const daemonLockPath = (root: string): string => join(root, 'volumes', 'metadata.db');

/**
 * dockerd holds an exclusive flock on this file for its lifetime. Our writers share a lock on it: none of them runs while a
 * dockerd does, and a dockerd does not start while one of them runs.
 */
export function guardAgainstDaemon(root: string): HeldLock {
  const lock = tryAcquire(daemonLockPath(root), 'shared');
  if (lock !== undefined) return lock;
  throw new KnownError('E_STORE_BUSY', `a Docker daemon is running on the data root ${JSON.stringify(root)}`, {
    hint: 'stop it first, use another --root, or let it take the image with tspull --via-daemon: a running daemon would not see the change and would overwrite it',
  });
}
