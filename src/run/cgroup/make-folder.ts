import { mkdirSync } from 'node:fs';
import { errnoCode, isErrno, KnownError } from '../../../store/errors.js';

/** Makes a cgroup, unless it is there. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, 0o755);
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) return;
    if (!isErrno(cause, 'EROFS', 'EACCES', 'EPERM')) throw cause;
    throw new KnownError('E_KERNEL', `cannot make the cgroup "${path}": ${errnoCode(cause)}`, {
      cause,
      hint: 'tsrun needs a file system of cgroups that it may write; in a container that takes --privileged',
      exitCode: 125,
    });
  }
}
