/**
 * Room for removals on a full disk: to take a name out of a file, the file is written anew, which needs a block and an inode before
 * the removal gives any back.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { isErrno } from '../errors.js';

/** More than the names of some hundred images need. */
const RESERVE_BYTES = 64 * 1024;

/** Makes the reserve where it is missing and there is room for it. */
export function keepReserve(path: string): void {
  if (existsSync(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
  } catch (error) {
    rmSync(path, { force: true });
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
  }
}

/**
 * Does what may fail for lack of room; then one reserve after the other is given up, and it is done again.
 *
 * @param action may be done again after any part of it
 */
export function withReserve<T>(reserves: readonly string[], action: () => T): T {
  for (const path of reserves) {
    try {
      return action();
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      rmSync(path, { force: true });
    }
  }
  return action();
}
