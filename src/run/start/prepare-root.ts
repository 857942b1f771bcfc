/** What is looked up and made in a container's root before it starts, below the descriptor of its detached mount. */
import { chownSync, closeSync, constants, fstatSync } from 'node:fs';
import { isErrno, KnownError } from '../../../store/errors.js';
import { makeDirectoriesInRoot, readTextInRoot, statInRoot } from '../../../store/fs/inside-root.js';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../../../store/linux/flags.js';
import { openAt2 } from '../../../store/linux/inode.js';
import { cstring } from '../../../store/linux/libc.js';
import { printable } from '../../../store/printable.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import { type Identity, resolveUser } from '../spec/user.js';

/** passwd and group files are read up to here; an image could hold one without end. */
const LARGEST_DATABASE = 1024 * 1024;

/** Mounts on a link would land elsewhere, and the masks miss their targets. */
export function checkMountPoints(rootfs: number): void {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  for (const path of ['/proc', '/sys', '/dev']) {
    try {
      closeSync(openAt2(rootfs, cstring(path), O_PATH | constants.O_DIRECTORY, resolve));
    } catch (cause) {
      if (!isErrno(cause, 'ELOOP', 'ENOTDIR', 'ENOENT')) throw cause;
      throw new KnownError('E_RUN', `${path} of the container is not a directory`, { cause, exitCode: 125 });
    }
  }
}

export function lookUpUser(rootfs: number, spec: ContainerSpec): Identity {
  return resolveUser({
    user: spec.user,
    groupAdd: spec.groupAdd,
    passwd: readTextInRoot(rootfs, '/etc/passwd', LARGEST_DATABASE) ?? '',
    group: readTextInRoot(rootfs, '/etc/group', LARGEST_DATABASE) ?? '',
  });
}

/**
 * Makes the working directory, owned by root with mode 0755 whoever the user is, as Docker does.
 *
 * @param root whom the container's root is on the host, if another
 */
export function makeWorkdir(rootfs: number, workdir: string, root?: { uid: number; gid: number }): void {
  if (workdir === '/') return;
  const isNew = root !== undefined && statInRoot(rootfs, workdir) === undefined;
  try {
    const fd = makeDirectoriesInRoot(rootfs, workdir);
    const isDirectory = fstatSync(fd).isDirectory();
    if (isNew) chownSync(`/proc/self/fd/${fd}`, root.uid, root.gid);
    closeSync(fd);
    if (isDirectory) return;
  } catch (cause) {
    if (!isErrno(cause, 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EEXIST')) throw cause;
    const reason = isErrno(cause, 'ENOTDIR', 'EEXIST') ? 'is not a directory' : 'cannot be resolved';
    throw new KnownError('E_RUN', `Cannot mkdir: ${printable(workdir)} ${reason}`, { cause, exitCode: 125 });
  }
}
