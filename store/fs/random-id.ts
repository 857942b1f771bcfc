/** Random names as dockerd makes them. */
import { randomBytes } from '../linux/random.js';

/**
 * 64 lower-case hex digits: a cache-id, mount-id or container id. Drawn again when the first 12 digits, the short form
 * people see, are all decimal, because such a short id could be taken for a number.
 */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^[0-9]{12}/.test(id)) return id;
  }
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** 26 characters of RFC 4648 base32: the name of a short symlink in `overlay2/l`. */
export function randomLinkId(): string {
  // A byte modulo 32 is as uniform as five random bits.
  return Array.from(randomBytes(26), (byte) => base32.charAt(byte % base32.length)).join('');
}
