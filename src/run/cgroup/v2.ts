import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { type CgroupWish, type ContainerCgroup, PARENT, requireControllers } from './container-cgroup.js';
import { restrictDevices } from './device-filter.js';
import type { Hierarchies } from './hierarchies.js';
import { CPU_PERIOD, type Limits, noSwapAccounting } from './limits.js';
import { makeFolder } from './make-folder.js';

/** Absent from a kernel without swap. */
const SWAP_LIMIT = 'memory.swap.max';

/** Makes the folder, with the controllers that the limits need, and writes the limits. */
export function prepareV2(
  wish: CgroupWish,
  { mountPoint, controllers }: NonNullable<Hierarchies['v2']>,
): ContainerCgroup {
  const parent = join(mountPoint, PARENT);
  const folder = join(parent, wish.id);
  wish.announce([folder]);
  makeFolder(parent);
  const enabled = new Set<string>();
  if (canHandOn(mountPoint))
    for (const controller of ['memory', 'cpu', 'cpuset', 'pids'])
      if (controllers.includes(controller) && enable(mountPoint, controller) && enable(parent, controller))
        enabled.add(controller);
  const hint = (controller: string): string | undefined =>
    controllers.includes(controller)
      ? `processes in the cgroup "${mountPoint}" itself keep it from handing controllers on; move them to one below it`
      : undefined;
  requireControllers(wish.limits, (controller) => enabled.has(controller), hint);
  makeFolder(folder);
  const warnings = writeLimits(folder, wish.limits);
  if (wish.devices !== undefined) restrictDevices(folder, wish.devices);
  return { folders: [folder], tasks: [], folderV2: folder, view: { version: 2 }, warnings };
}

/**
 * Whether a cgroup can hand controllers on: the root of the whole hierarchy can, and another, which is the root of a cgroup
 * namespace, if it has no processes itself. The kernel would let it hand on those for threads (cpu, pids), and nothing could run
 * in the cgroups below from then on: see "Threads" in Documentation/admin-guide/cgroup-v2.rst.
 */
function canHandOn(folder: string): boolean {
  if (!existsSync(join(folder, 'cgroup.type'))) return true;
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8') === '';
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) return false;
    throw error;
  }
}

/** Hands a controller to the children. */
function enable(folder: string, controller: string): boolean {
  try {
    writeFileSync(join(folder, 'cgroup.subtree_control'), `+${controller}`, { flag: 'r+' });
    return true;
  } catch (error) {
    if (isErrno(error, 'EBUSY', 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'EACCES', 'EROFS')) return false;
    throw error;
  }
}

function writeLimits(folder: string, limits: Limits): string[] {
  const swapAccounting = existsSync(join(folder, SWAP_LIMIT));
  for (const [file, value] of limitFiles(limits))
    if (file !== SWAP_LIMIT || swapAccounting) writeFileSync(join(folder, file), value, { flag: 'r+' });
  return limits.memory === undefined || swapAccounting ? [] : [noSwapAccounting];
}

/** The files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst) and their values. */
export function limitFiles(limits: Limits): [file: string, value: string][] {
  const files: [string, string][] = [];
  if (limits.memory !== undefined) {
    files.push(['memory.max', String(limits.memory)]);
    // There swap is counted apart. Docker's default is as much swap as memory.
    const total = limits.memorySwap ?? 2 * limits.memory;
    files.push([SWAP_LIMIT, total < 0 ? 'max' : String(total - limits.memory)]);
  }
  if (limits.cpuQuota !== undefined) files.push(['cpu.max', `${limits.cpuQuota} ${CPU_PERIOD}`]);
  if (limits.cpuShares !== undefined) files.push(['cpu.weight', String(weightOf(limits.cpuShares))]);
  if (limits.cpus !== undefined) files.push(['cpuset.cpus', limits.cpus]);
  if (limits.pids !== undefined) files.push(['pids.max', String(limits.pids)]);
  return files;
}

/** Shares of 2 to 262144 as a weight of 1 to 10000, the conversion that OCI runtimes agreed on. */
function weightOf(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262142);
}
