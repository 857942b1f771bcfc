/** getrandom(2). Node's own source of random bytes comes with all of its cryptography, 8 ms at every start of a program. */
import { bind, check } from './libc.js';

const getrandom = bind('long getrandom(uint8_t *buffer, size_t size, unsigned int flags)');

/** @param count at most 256, which the kernel gives whole and without interruption */
export function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  check(getrandom(bytes, count, 0), 'getrandom');
  return bytes;
}
