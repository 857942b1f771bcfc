/** Where a file has data: what lies between reads as zeros and takes no room (lseek(2)). */
import { isErrno } from '../errors.js';
import { bind, check } from './libc.js';

const cLseek = bind('int64_t lseek(int, int64_t, int)');

/** linux/fs.h */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** The next piece with data from `at` on, undefined when there is none; moves the file's own offset. */
export function nextData(fd: number, at: number): { start: number; end: number } | undefined {
  try {
    const start = Number(check(cLseek(fd, at, SEEK_DATA), 'lseek', 'SEEK_DATA'));
    return { start, end: Number(check(cLseek(fd, start, SEEK_HOLE), 'lseek', 'SEEK_HOLE')) };
  } catch (error) {
    if (isErrno(error, 'ENXIO')) return undefined;
    throw error;
  }
}
