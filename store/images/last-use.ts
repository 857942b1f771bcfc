/**
 * When an image was last used: the time of a file of our own, which dockerd does not look at.
 *
 *     <root>/tspull/used/<image id>   0600  empty; its modification time counts
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../data-root.js';
import { isErrno } from '../errors.js';
import { hexOf, type ImageId } from '../oci/digest.js';

const usedDir = (root: string): string => join(privateDir(root), 'used');
const usedPath = (root: string, image: ImageId): string => join(usedDir(root), hexOf(image));

/** A disk that is full or read-only, and a root of somebody else, are no reasons for a pull or a run to fail. */
const tolerated = ['EROFS', 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM'];

/**
 * One system call where the image was used before. Not synced: a power cut may lose the last uses.
 *
 * @param image its id, as the record of a container has it
 */
export function recordUse(root: string, image: string, time = new Date()): void {
  if (!/^sha256:[0-9a-f]{64}$/.test(image)) return;
  const path = usedPath(root, image as ImageId);
  try {
    if (setTime(path, time) || (makeFile(path) && setTime(path, time))) return;
    mkdirSync(usedDir(root), { mode: 0o700 });
    if (makeFile(path)) setTime(path, time);
  } catch (error) {
    if (!isErrno(error, ...tolerated, 'EEXIST', 'ENOENT')) throw error;
  }
}

/** Milliseconds since 1970; undefined when none of our programs has used it here. */
export function lastUse(root: string, image: ImageId): number | undefined {
  return timeOf(usedPath(root, image));
}

/**
 * The last use, else when the image came to this root: what dockerd has pulled and run is known by that alone.
 *
 * @returns milliseconds since 1970; 0 for an image that is not there
 */
export function lastUseOrArrival(root: string, image: ImageId): number {
  return lastUse(root, image) ?? arrival(root, image);
}

/** When the image was recorded in this root. */
export function arrival(root: string, image: ImageId): number {
  return timeOf(join(root, 'image', 'overlay2', 'imagedb', 'content', 'sha256', hexOf(image))) ?? 0;
}

export function forgetUse(root: string, image: ImageId): void {
  rmSync(usedPath(root, image), { force: true });
}

/** Removes the times of images that are gone. Call inside the store's exclusive section. */
export function sweepUses(root: string, isThere: (hex: string) => boolean): void {
  for (const name of entries(usedDir(root))) if (!isThere(name)) rmSync(join(usedDir(root), name), { force: true });
}

function setTime(path: string, time: Date): boolean {
  return unlessAbsent(() => utimesSync(path, time, time)) !== undefined;
}

function makeFile(path: string): boolean {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return unlessAbsent(() => closeSync(openSync(path, flags, 0o600))) !== undefined;
}

function timeOf(path: string): number | undefined {
  return unlessAbsent(() => statSync(path).mtimeMs)?.value;
}

/** Undefined where there is no such path. */
function unlessAbsent<T>(action: () => T): { value: T } | undefined {
  try {
    return { value: action() };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function entries(dir: string): string[] {
  return unlessAbsent(() => readdirSync(dir))?.value ?? [];
}
