/** A directory for the length of a command. What a killed one left goes with the next. */
import { existsSync, lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode, isErrno, KnownError } from '../errors.js';
import { printable } from '../printable.js';
import { type HeldLock, tryAcquire } from './lock.js';
import { removeTree } from './remove-tree.js';

export interface ScratchDirectory extends Disposable {
  readonly path: string;
}

/** A new directory has its lock by then. */
const YOUNG_MS = 60_000;

/**
 * @param parent that others may write to as well, such as /var/tmp
 * @throws KnownError E_STORE_IO when nothing can be made there
 */
export function openScratchDirectory(parent: string, prefix: string): ScratchDirectory {
  const path = makeIn(parent, prefix);
  let lock: HeldLock | undefined;
  try {
    lock = tryAcquire(lockOf(path), 'exclusive');
  } catch (error) {
    removeTree(path);
    throw error;
  }
  return {
    path,
    [Symbol.dispose]() {
      removeTree(path);
      lock?.release();
    },
  };
}

function makeIn(parent: string, prefix: string): string {
  try {
    sweep(parent, prefix);
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined) throw cause;
    const text = `cannot make a directory in "${printable(parent, 300)}": ${code}`;
    throw new KnownError('E_STORE_IO', text, { hint: 'TMPDIR names another place', cause });
  }
}

const lockOf = (path: string): string => join(path, 'lock');

/** Only what is our own: others can make directories of any name there. */
function sweep(parent: string, prefix: string): void {
  for (const name of readdirSync(parent).filter((one) => one.startsWith(prefix))) {
    const path = join(parent, name);
    if (!isOurs(path)) continue;
    if (!existsSync(lockOf(path))) {
      if (ageOf(path) > YOUNG_MS) removeTree(path);
      continue;
    }
    using lock = tryAcquire(lockOf(path), 'exclusive');
    if (lock !== undefined) removeTree(path);
  }
}

function isOurs(path: string): boolean {
  try {
    const stat = lstatSync(path);
    return stat.isDirectory() && stat.uid === process.geteuid?.();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

const ageOf = (path: string): number => Date.now() - lstatSync(path).mtimeMs;
