/**
 * Containers are made and removed without the store's lock, by whoever holds the lock of the container: what is found of them may be a
 * step of that, however often one looks meanwhile. While anybody holds such a lock, it counts when it has lasted.
 */
import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../data-root.js';
import { isErrno } from '../errors.js';
import { tryLock } from '../linux/flock.js';
import { type Finding, keyOf } from './finding.js';

/** No step takes so long, on a machine that is not overrun. */
const LASTING_MS = 3_000;
const PAUSE_MS = 200;
/** Containers may come and go all the time. */
const LONGEST_MS = 30_000;

const ofContainers: readonly Finding['area'][] = ['container', 'orphan', 'layer-directory', 'short-link'];

/**
 * @param look has all findings, of which those of containers may be passing
 * @returns the last look, without what had not lasted when the patience was at its end
 */
export function whatLasts<T extends { readonly findings: readonly Finding[] }>(root: string, look: () => T): T {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  let since = new Map<string, number>();
  for (const began = Date.now(); ; Atomics.wait(asleep, 0, 0, PAUSE_MS)) {
    const seen = look();
    const now = Date.now();
    const doubtful = seen.findings.filter(({ area }) => ofContainers.includes(area)).map(keyOf);
    if (doubtful.length === 0 || !isAnybodyAtWork(root)) return seen;
    since = new Map(doubtful.map((key) => [key, since.get(key) ?? now]));
    const passing = new Set(doubtful.filter((key) => now - (since.get(key) ?? now) < LASTING_MS));
    if (passing.size === 0) return seen;
    if (now - began > LONGEST_MS)
      return { ...seen, findings: seen.findings.filter((finding) => !passing.has(keyOf(finding))) };
  }
}

function isAnybodyAtWork(root: string): boolean {
  const folder = join(privateDir(root), 'live');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return false;
    throw error;
  }
  return names.some((name) => isHeld(join(folder, name)));
}

/** Only opened, so that looking changes nothing. A lock that goes meanwhile was somebody's. */
function isHeld(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (isErrno(error, 'ELOOP', 'ENXIO', 'EACCES')) return false;
    throw error;
  }
  try {
    return !tryLock(fd, 'shared');
  } finally {
    closeSync(fd);
  }
}
