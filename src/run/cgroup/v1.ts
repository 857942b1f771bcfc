import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CgroupWish, type ContainerCgroup, PARENT, requireControllers } from './container-cgroup.js';
import type { DeviceRule } from './device-rules.js';
import { CPU_PERIOD, checkPageSize, type Limits, noIoWeight, noSwapAccounting } from './limits.js';
import { makeFolder } from './make-folder.js';

/** Makes one folder in every hierarchy and writes the limits. */
export function prepareV1(wish: CgroupWish, mounts: ReadonlyMap<string, string>): ContainerCgroup {
  requireControllers(wish.limits, (controller) => mounts.has(controller));
  const folderOf = (mountPoint: string): string => join(mountPoint, PARENT, wish.id);
  const mountPoints = [...new Set(mounts.values())];
  const folders = mountPoints.map(folderOf);
  wish.announce(folders);
  for (const mountPoint of mountPoints)
    makeFolders(mountPoint, folderOf(mountPoint), mountPoint === mounts.get('cpuset'));
  const warnings = writeLimitsV1(wish.id, wish.limits, mounts);
  const devices = mounts.get('devices');
  if (wish.devices !== undefined && devices !== undefined) restrictDevices(folderOf(devices), wish.devices);
  return {
    folders,
    tasks: folders.map((folder) => join(folder, 'tasks')),
    folderV2: undefined,
    view: viewOf(mounts),
    warnings,
  };
}

/** Writes them to folders that exist. */
export function writeLimitsV1(id: string, limits: Limits, mounts: ReadonlyMap<string, string>): string[] {
  const folderOf = (mountPoint: string): string => join(mountPoint, PARENT, id);
  const set = (controller: string, file: string, value: string | number): void => {
    const mountPoint = mounts.get(controller);
    if (mountPoint !== undefined) write(join(folderOf(mountPoint), file), String(value));
  };
  const memory = mounts.get('memory');
  const swapAccounting = memory !== undefined && existsSync(join(folderOf(memory), 'memory.memsw.limit_in_bytes'));
  const has = (controller: string, file: string): boolean =>
    existsSync(join(folderOf(mounts.get(controller) ?? ''), file));
  return writeLimits(limits, { set, has, swapAccounting });
}

/** A cpuset without processors or memory nodes takes no process, so they are handed down from the root. */
function makeFolders(mountPoint: string, folder: string, isCpuset: boolean): void {
  const parent = join(mountPoint, PARENT);
  for (const path of [parent, folder]) {
    makeFolder(path);
    if (!isCpuset) continue;
    for (const name of ['cpuset.cpus', 'cpuset.mems'])
      if (readFileSync(join(path, name), 'utf8').trim() === '')
        write(join(path, name), readFileSync(join(path, '..', name), 'utf8').trim());
  }
}

/** cgroup files refuse the truncation that comes with mode `w` on some kernels. */
function write(path: string, value: string): void {
  writeFileSync(path, value, { flag: 'r+' });
}

interface Files {
  set: (controller: string, file: string, value: string | number) => void;
  has: (controller: string, file: string) => boolean;
  swapAccounting: boolean;
}

function writeLimits(limits: Limits, files: Files): string[] {
  const { set } = files;
  const warnings = [...writeMemory(limits, files), ...writeWeights(limits, files)];
  if (limits.cpuPeriod !== undefined || limits.cpuQuota !== undefined)
    set('cpu', 'cpu.cfs_period_us', limits.cpuPeriod ?? CPU_PERIOD);
  if (limits.cpuQuota !== undefined) set('cpu', 'cpu.cfs_quota_us', limits.cpuQuota);
  if (limits.cpuShares !== undefined) set('cpu', 'cpu.shares', limits.cpuShares);
  if (limits.cpus !== undefined) set('cpuset', 'cpuset.cpus', limits.cpus);
  if (limits.mems !== undefined) set('cpuset', 'cpuset.mems', limits.mems);
  if (limits.pids !== undefined) set('pids', 'pids.max', limits.pids);
  for (const { kind, device, value } of limits.throttles ?? [])
    set('blkio', `blkio.throttle.${kind.replace('-', '_')}_device`, `${device} ${value}`);
  for (const [size, value] of Object.entries(limits.hugetlb ?? {}))
    set('hugetlb', `hugetlb.${checkPageSize(size)}.limit_in_bytes`, value);
  return warnings;
}

function writeMemory(limits: Limits, { set, swapAccounting }: Files): string[] {
  const warnings: string[] = [];
  if (limits.memory !== undefined) {
    set('memory', 'memory.limit_in_bytes', limits.memory);
    // Docker's default: as much swap as memory.
    const total = limits.memorySwap ?? 2 * limits.memory;
    if (swapAccounting) set('memory', 'memory.memsw.limit_in_bytes', total);
    else warnings.push(noSwapAccounting);
  }
  if (limits.memoryReservation !== undefined) set('memory', 'memory.soft_limit_in_bytes', limits.memoryReservation);
  if (limits.memorySwappiness !== undefined) set('memory', 'memory.swappiness', limits.memorySwappiness);
  if (limits.oomKillDisable) {
    set('memory', 'memory.oom_control', 1);
    if (limits.memory === undefined)
      warnings.push(
        'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources',
      );
  }
  return warnings;
}

function restrictDevices(folder: string, rules: readonly DeviceRule[]): void {
  write(join(folder, 'devices.deny'), 'a');
  // The kernel takes one rule with each write.
  const fd = openSync(join(folder, 'devices.allow'), 'r+');
  try {
    for (const { type, major, minor, access } of rules)
      writeSync(fd, `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`);
  } finally {
    closeSync(fd);
  }
}

/** Weights need a scheduler of the block device that knows them: BFQ, in kernels of today. */
function writeWeights({ blkioWeight, blkioWeightDevices = [] }: Limits, { set, has }: Files): string[] {
  if (blkioWeight === undefined && blkioWeightDevices.length === 0) return [];
  const file = ['blkio.bfq.weight', 'blkio.weight'].find((name) => has('blkio', name));
  if (file === undefined) return [noIoWeight];
  if (blkioWeight !== undefined) set('blkio', file, blkioWeight);
  for (const { device, value } of blkioWeightDevices) set('blkio', `${file}_device`, `${device} ${value}`);
  return [];
}

/** As dockerd shows them: one mount a hierarchy, named as on the host, and a link for every other controller of it. */
function viewOf(mounts: ReadonlyMap<string, string>): ContainerCgroup['view'] {
  const byMount = new Map<string, string[]>();
  for (const [controller, mountPoint] of mounts)
    byMount.set(mountPoint, [...(byMount.get(mountPoint) ?? []), controller]);
  const view = {
    version: 1 as const,
    mounts: [] as { name: string; controllers: string }[],
    links: [] as { name: string; target: string }[],
  };
  for (const [mountPoint, controllers] of byMount) {
    const name = basename(mountPoint);
    view.mounts.push({ name, controllers: controllers.join(',') });
    for (const controller of controllers) if (controller !== name) view.links.push({ name: controller, target: name });
  }
  return view;
}
