import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';

/** What of cgroups is mounted on this machine (cgroups(7)). */
export interface Hierarchies {
  /** Version 1: mount point by controller. Several controllers can share one. */
  v1: ReadonlyMap<string, string>;
  /** Version 2, and the controllers that it has. */
  v2: { mountPoint: string; controllers: readonly string[] } | undefined;
}

const controllerNames = ['memory', 'cpu', 'cpuacct', 'cpuset', 'pids', 'devices', 'freezer', 'blkio', 'hugetlb'];

export function findHierarchies(): Hierarchies {
  const v1 = new Map<string, string>();
  let v2: Hierarchies['v2'];
  for (const { type, mountPoint, options } of cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))) {
    if (type === 'cgroup2') v2 ??= { mountPoint, controllers: controllersOf(mountPoint) };
    else for (const name of controllerNames) if (options.includes(name) && !v1.has(name)) v1.set(name, mountPoint);
  }
  return { v1, v2 };
}

/** @param mountinfo the text of /proc/self/mountinfo, proc(5) */
export function cgroupMounts(mountinfo: string): { type: string; mountPoint: string; options: string[] }[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after] = line.split(' - ');
    const [type = '', , options = ''] = after?.split(' ') ?? [];
    const mountPoint = before.split(' ')[4];
    if (mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ type, mountPoint: unescapeOctal(mountPoint), options: options.split(',') }];
  });
}

/** Blanks and backslashes are written as `\040` there. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function controllersOf(mountPoint: string): string[] {
  try {
    return readFileSync(join(mountPoint, 'cgroup.controllers'), 'utf8').trim().split(/\s+/).filter(Boolean);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}
