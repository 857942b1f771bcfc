import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../store/errors.js';

/** The file and its two values, of the freezer of version 1 and of version 2 (cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst). */
const freezers = [
  { file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  { file: 'cgroup.freeze', frozen: '1', thawed: '0' },
];

/** Stops all processes of a container where they are, or lets them go on. */
export function setFrozen(cgroups: readonly string[], frozen: boolean): void {
  for (const folder of cgroups)
    for (const freezer of freezers) {
      try {
        writeFileSync(join(folder, freezer.file), frozen ? freezer.frozen : freezer.thawed, { flag: 'r+' });
        return;
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
  throw new KnownError('E_KERNEL', 'cannot pause: the container has no cgroup with a freezer', {
    hint: 'mount the cgroup controller "freezer", or cgroup v2',
  });
}
