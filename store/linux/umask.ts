/** A umask of one thread's own. */
import { CLONE_FS } from './flags.js';
import { bind } from './libc.js';

const cUnshare = bind('int unshare(int)');
const cUmask = bind('uint umask(uint)');

/**
 * From now on what this thread makes has the very mode that is asked for. Other threads keep their umask, so this changes nothing where the
 * kernel, or a sandbox, lets no thread have one of its own.
 */
export function clearThreadUmask(): void {
  if (cUnshare(CLONE_FS) === 0) cUmask(0);
}
