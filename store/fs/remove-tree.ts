/** Removes a directory that a hostile program may have filled: of any depth, with any names, and without following a link. */
import { closeSync, constants, readdirSync, rmdirSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { AT_FDCWD, AT_REMOVEDIR } from '../linux/flags.js';
import { openAt, renameAt, unlinkAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Paths grow too long and recursion too deep for some trees, so there is neither: a subdirectory that is not empty is
 * moved to the top under a number and emptied in its turn. What is missing is fine.
 */
export function removeTree(path: string): void {
  let top: number;
  try {
    top = openAt(AT_FDCWD, cstring(path), OPEN_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  try {
    const waiting: Buffer[] = [];
    let moved = 0;
    let marker: string | undefined;
    const later = (dir: number, name: Buffer): void => {
      marker ??= freeMarker(namesIn(top));
      const parked = cstring(`${marker}${moved++}`);
      renameAt(dir, name, top, parked);
      waiting.push(parked);
    };
    empty(top, later);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const dir = openAt(top, next, OPEN_DIRECTORY);
      try {
        empty(dir, later);
      } finally {
        closeSync(dir);
      }
      unlinkAt(top, next, AT_REMOVEDIR);
    }
  } finally {
    closeSync(top);
  }
  rmdirSync(path);
}

/** A prefix that none of the names has. */
function freeMarker(names: readonly Buffer[]): string {
  for (let number = 0; ; number++) {
    const marker = `.removing-${number}-`;
    if (!names.some((name) => name.toString('latin1').startsWith(marker))) return marker;
  }
}

function empty(dir: number, later: (dir: number, name: Buffer) => void): void {
  for (const entry of readdirSync(`/proc/self/fd/${dir}`, { encoding: 'buffer', withFileTypes: true })) {
    const name = cstring(entry.name);
    if (!entry.isDirectory()) unlinkAt(dir, name);
    else if (!removeIfEmpty(dir, name)) later(dir, name);
  }
}

function removeIfEmpty(dir: number, name: Buffer): boolean {
  try {
    unlinkAt(dir, name, AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

function namesIn(dir: number): Buffer[] {
  return readdirSync(`/proc/self/fd/${dir}`, { encoding: 'buffer' });
}
