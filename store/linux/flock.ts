/** Advisory locks of flock(2): they belong to the open file, vanish with the process, and are not inherited here. */

import { isErrno } from '../errors.js';
import { LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } from './flags.js';
import { bind, check } from './libc.js';

const cFlock = bind('int flock(int, int)');

export type LockMode = 'shared' | 'exclusive';

/** Takes or converts the lock without waiting; false when another open file holds a conflicting one. */
export function tryLock(fd: number, mode: LockMode): boolean {
  try {
    check(cFlock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB), 'flock');
    return true;
  } catch (error) {
    if (isErrno(error, 'EWOULDBLOCK', 'EAGAIN')) return false;
    throw error;
  }
}

export function unlock(fd: number): void {
  check(cFlock(fd, LOCK_UN), 'flock');
}
