/**
 * One layer's directory in Docker's overlay2 driver. Everything is text without a newline at the end.
 *
 *     <root>/overlay2/                  0710
 *       l/<26 characters>               -> ../<cache-id>/diff   short names keep the mount options below one page
 *       <cache-id>/                     0710
 *         diff/                         0755  the layer's own files
 *         link                          0644  its name in l/
 *         lower                         0644  l/<link>:l/<link>…, the parents, uppermost first; absent on the lowest layer
 *         work/                         0700  overlayfs needs it to mount the layer writable; absent on the lowest layer
 *         committed                     0600  empty: something is stacked on this layer, mount it read-only
 */
import { readFileSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { syncDirectories } from '../fs/atomic-file.js';
import { makeDirectory, writeNewFile } from '../fs/exact-mode.js';
import { randomLinkId } from '../fs/random-id.js';
import { removeTree } from '../fs/remove-tree.js';

export interface LayerPaths {
  dir: string;
  diff: string;
  work: string;
  /** Where dockerd would mount it; tspull mounts outside the data root. */
  merged: string;
  link: string;
  lower: string;
  committed: string;
}

/** dockerd mounts no deeper stack than this many `lower` entries. */
const MAX_LOWER = 128;

export function overlayHome(root: string): string {
  return join(root, 'overlay2');
}

export function layerDirs(root: string, cacheId: string): LayerPaths {
  return pathsIn(join(overlayHome(root), checkName(cacheId, 'cache-id')));
}

/** Any name is accepted, as dockerd does, but it must be one name: what was read from a file must not lead elsewhere. */
function checkName(name: string, what: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    throw new KnownError('E_STORE', `the ${what} ${JSON.stringify(name.slice(0, 100))} is not a file name`);
  return name;
}

function pathsIn(dir: string): LayerPaths {
  return {
    dir,
    diff: join(dir, 'diff'),
    work: join(dir, 'work'),
    merged: join(dir, 'merged'),
    link: join(dir, 'link'),
    lower: join(dir, 'lower'),
    committed: join(dir, 'committed'),
  };
}

/** The parents of a layer as paths relative to `overlay2/`, uppermost first; empty for a lowest layer. */
export function readLower(root: string, cacheId: string): string[] {
  try {
    return readFileSync(layerDirs(root, cacheId).lower, 'utf8').split(':');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function readLink(root: string, cacheId: string): string {
  const { link } = layerDirs(root, cacheId);
  try {
    return checkName(readFileSync(link, 'utf8'), 'short name');
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw cause;
    throw new KnownError('E_STORE', `the layer directory ${JSON.stringify(cacheId)} has no file "link"`, { cause });
  }
}

/** What a child of this layer gets as its `lower`: the layer's own short name, then its parents'. */
export function lowerOf(root: string, cacheId: string): string[] {
  return [join('l', readLink(root, cacheId)), ...readLower(root, cacheId)];
}

/**
 * Writes the files beside an existing `diff/` in `dir`, which may still lie in a staging place: `link`, and above a parent
 * `lower` (as {@link lowerOf} of the parent gives it) and `work`.
 */
export function completeLayerDir(dir: string, link: string, lower: string[]): void {
  const paths = pathsIn(dir);
  writeNewFile(paths.link, link, 0o644);
  if (lower.length === 0) return;
  if (lower.length > MAX_LOWER)
    throw new KnownError('E_UNSUPPORTED', `max depth exceeded: more than ${MAX_LOWER} layers`);
  writeNewFile(paths.lower, lower.join(':'), 0o644);
  makeDirectory(paths.work, 0o700);
}

/** Written on every image layer, also the top one: dockerd then mounts it read-only and leaves its tree pristine. */
export function markCommitted(dir: string): void {
  try {
    writeNewFile(pathsIn(dir).committed, '', 0o600);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/** Moves a complete layer directory to its place and makes its short name. {@link syncOverlayHome} makes that durable. */
export function publishLayerDir(root: string, dir: string, cacheId: string, link: string): void {
  renameSync(dir, layerDirs(root, cacheId).dir);
  linkShortName(root, cacheId, link);
}

function linkShortName(root: string, cacheId: string, link: string): void {
  symlinkSync(join('..', cacheId, 'diff'), join(overlayHome(root), 'l', link));
}

export function syncOverlayHome(root: string): Promise<void> {
  return syncDirectories(join(overlayHome(root), 'l'), overlayHome(root));
}

/** Makes an empty layer directory in place: what a container's layers start from. */
export function createLayerDir(root: string, cacheId: string, parentCacheId: string | undefined): LayerPaths {
  const paths = layerDirs(root, cacheId);
  makeDirectory(paths.dir, 0o710);
  makeDirectory(paths.diff, 0o755);
  const link = randomLinkId();
  completeLayerDir(paths.dir, link, parentCacheId === undefined ? [] : lowerOf(root, parentCacheId));
  if (parentCacheId !== undefined) markCommitted(layerDirs(root, parentCacheId).dir);
  linkShortName(root, cacheId, link);
  return paths;
}

/** Removes the short name, then the directory; what is missing already is fine. */
export function removeLayerDir(root: string, cacheId: string): void {
  const paths = layerDirs(root, cacheId);
  try {
    unlinkSync(join(overlayHome(root), 'l', checkName(readFileSync(paths.link, 'utf8'), 'short name')));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  removeTree(paths.dir);
}
