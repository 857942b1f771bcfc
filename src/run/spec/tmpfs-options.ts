import type { MountParameter } from '../../../store/linux/mount.js';
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
} from '../../../store/linux/mount-flags.js';

const flags: Record<string, readonly [bit: number, on: boolean]> = {
  ro: [MOUNT_ATTR_RDONLY, true],
  rw: [MOUNT_ATTR_RDONLY, false],
  nosuid: [MOUNT_ATTR_NOSUID, true],
  suid: [MOUNT_ATTR_NOSUID, false],
  nodev: [MOUNT_ATTR_NODEV, true],
  dev: [MOUNT_ATTR_NODEV, false],
  noexec: [MOUNT_ATTR_NOEXEC, true],
  exec: [MOUNT_ATTR_NOEXEC, false],
};

/** Options as mount(8) writes them, on top of Docker's nosuid, nodev and noexec. */
export function tmpfsParameters(options: string): { attributes: number; parameters: MountParameter[] } {
  let attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const parameters: MountParameter[] = [];
  for (const option of options.split(',').filter(Boolean)) {
    const flag = flags[option];
    if (flag !== undefined) attributes = flag[1] ? attributes | flag[0] : attributes & ~flag[0];
    else {
      const [key = '', ...value] = option.split('=');
      parameters.push(value.length === 0 ? [key] : [key, value.join('=')]);
    }
  }
  return { attributes, parameters };
}
