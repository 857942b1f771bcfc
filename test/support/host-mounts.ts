import { readFileSync } from 'node:fs';

/** The mounts of this machine, without those of daemons that other test files start and end meanwhile. */
export function hostMounts(mountInfo = readFileSync('/proc/self/mountinfo', 'utf8')): string {
  return mountInfo
    .split('\n')
    .filter((line) => !line.includes('/tspull-dockerd-'))
    .join('\n');
}
