import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { type CgroupWish, type ContainerCgroup, PARENT, requireControllers } from './container-cgroup.js';
import { restrictDevices } from './device-filter.js';
import type { Hierarchies } from './hierarchies.js';
import { CPU_PERIOD, checkPageSize, type Limits, noIoWeight, noSwapAccounting } from './limits.js';
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
    for (const controller of ['memory', 'cpu', 'cpuset', 'pids', ...rarelyNeeded(wish.limits)])
      if (controllers.includes(controller) && enable(mountPoint, controller) && enable(parent, controller))
        enabled.add(controller);
  const hint = (controller: string): string | undefined =>
    controllers.includes(nameInV2(controller))
      ? `processes in the cgroup "${mountPoint}" itself keep it from handing controllers on; move them to one below it`
      : undefined;
  requireControllers(wish.limits, (controller) => enabled.has(nameInV2(controller)), hint);
  makeFolder(folder);
  const warnings = writeLimits(folder, wish.limits);
  if (wish.devices !== undefined) restrictDevices(folder, wish.devices);
  return { folders: [folder], tasks: [], folderV2: folder, view: { version: 2 }, warnings };
}

const nameInV2 = (controller: string): string => (controller === 'blkio' ? 'io' : controller);

/** Controllers that are handed on only when a limit asks for them: they make every start slower. */
function rarelyNeeded(limits: Limits): string[] {
  const { blkioWeight, blkioWeightDevices, throttles, hugetlb } = limits;
  const io = [blkioWeight, blkioWeightDevices, throttles].some((limit) => limit !== undefined);
  return [...(io ? ['io'] : []), ...(hugetlb === undefined ? [] : ['hugetlb'])];
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
  const has = (file: string): boolean => existsSync(join(folder, file));
  for (const [file, value] of [...limitFiles(limits), ...weightFiles(limits, has)])
    if (file !== SWAP_LIMIT || has(SWAP_LIMIT)) writeFileSync(join(folder, file), value, { flag: 'r+' });
  const wantsWeight = limits.blkioWeight !== undefined || limits.blkioWeightDevices !== undefined;
  return [
    ...(limits.memory === undefined || has(SWAP_LIMIT) ? [] : [noSwapAccounting]),
    ...(wantsWeight && weightFiles(limits, has).length === 0 ? [noIoWeight] : []),
    ...(limits.memorySwappiness === undefined ? [] : [`${notInV2('memory swappiness')} Memory swappiness discarded.`]),
    ...(limits.oomKillDisable ? ['Your kernel does not support OomKillDisable. OomKillDisable discarded.'] : []),
  ];
}

const notInV2 = (what: string): string =>
  `Your kernel does not support ${what} capabilities or the cgroup is not mounted.`;

/** The files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst) and their values. */
export function limitFiles(limits: Limits): [file: string, value: string][] {
  const files: [string, string][] = [];
  if (limits.memory !== undefined) {
    files.push(['memory.max', String(limits.memory)]);
    // There swap is counted apart. Docker's default is as much swap as memory.
    const total = limits.memorySwap ?? 2 * limits.memory;
    files.push([SWAP_LIMIT, total < 0 ? 'max' : String(total - limits.memory)]);
  }
  if (limits.memoryReservation !== undefined) files.push(['memory.low', String(limits.memoryReservation)]);
  if (limits.cpuQuota !== undefined || limits.cpuPeriod !== undefined) {
    const quota = limits.cpuQuota === undefined || limits.cpuQuota < 0 ? 'max' : limits.cpuQuota;
    files.push(['cpu.max', `${quota} ${limits.cpuPeriod ?? CPU_PERIOD}`]);
  }
  if (limits.cpuShares !== undefined) files.push(['cpu.weight', String(weightOf(limits.cpuShares))]);
  if (limits.cpus !== undefined) files.push(['cpuset.cpus', limits.cpus]);
  if (limits.mems !== undefined) files.push(['cpuset.mems', limits.mems]);
  if (limits.pids !== undefined) files.push(['pids.max', String(limits.pids)]);
  for (const { kind, device, value } of limits.throttles ?? [])
    files.push(['io.max', `${device} ${ioMaxKeys[kind]}=${value}`]);
  for (const [size, value] of Object.entries(limits.hugetlb ?? {}))
    files.push([`hugetlb.${checkPageSize(size)}.max`, String(value)]);
  return files;
}

const ioMaxKeys = { 'read-bps': 'rbps', 'write-bps': 'wbps', 'read-iops': 'riops', 'write-iops': 'wiops' } as const;

/** BFQ has weights of 1 to 1000, the kernel's own controller such of 1 to 10000, and both or none may be there. */
function weightFiles(limits: Limits, has: (file: string) => boolean): [file: string, value: string][] {
  const file = ['io.bfq.weight', 'io.weight'].find(has);
  if (file === undefined) return [];
  const scale = (weight: number): number =>
    file === 'io.weight' ? 1 + Math.floor(((weight - 10) * 9999) / 990) : weight;
  const { blkioWeight, blkioWeightDevices = [] } = limits;
  const all = blkioWeightDevices.map(({ device, value }) => `${device} ${scale(value)}`);
  if (blkioWeight !== undefined) all.unshift(`default ${scale(blkioWeight)}`);
  return all.map((value) => [file, value]);
}

/** Shares of 2 to 262144 as a weight of 1 to 10000, the conversion that OCI runtimes agreed on. */
function weightOf(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262142);
}
