import { AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC } from '../../../store/linux/flags.js';
import type { Program } from '../stage2/program.js';

/**
 * Makes the detached mount `rootfs` the root. Our copy of the host's mounts is made private first, so that nothing here is
 * seen on the host, and is dropped as a whole afterwards. The new root is attached on top of `/`, which exists on every
 * machine; pivot_root(".", ".") then swaps the two and leaves the old one on top of the new (pivot_root(2), NOTES). Absolute paths
 * are those of the new root from then on.
 *
 * @param beforeLeaving for mounts that a user namespace may only make where the host's are still to be seen
 */
export function addEnterRoot(program: Program, rootfs: number, beforeLeaving: () => void): void {
  program.call('mount', [0, '/', 0, MS_REC | MS_PRIVATE, 0], 'the mounts private');
  program.call('move_mount', [rootfs, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH], 'the root');
  program.call('fchdir', [rootfs], 'the root');
  program.call('pivot_root', ['.', '.'], 'the root');
  beforeLeaving();
  program.call('umount2', ['.', MNT_DETACH], 'the old root');
  program.call('chdir', ['/'], 'the root');
}
