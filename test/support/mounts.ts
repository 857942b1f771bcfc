import { readFileSync } from 'node:fs';

/** The mounts of this namespace that have to do with `root` or with any container of ours; other tests mount things, too. */
export function ourMounts(root: string, mountInfo = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  return mountInfo.split('\n').filter((line) => line.includes(root) || line.includes('/run/tspull'));
}
