import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KnownError } from '../../../store/errors.js';
import type { DeviceRule } from './device-rules.js';
import { cgroupMounts, findHierarchies, type Hierarchies } from './hierarchies.js';
import type { Limits } from './limits.js';
import { prepareV1 } from './v1.js';
import { prepareV2 } from './v2.js';

/** The cgroups of one container, made and configured, without a process yet. */
export interface ContainerCgroup {
  /** To be removed afterwards. */
  folders: string[];
  /** Version 1: files to which the container's first process writes `0`. */
  tasks: string[];
  /** Version 2: the cgroup to start it in. */
  folderV2: string | undefined;
  /** What the container sees below /sys/fs/cgroup. */
  view: CgroupView;
  warnings: string[];
}

export type CgroupView =
  | { version: 0 }
  | { version: 1; mounts: { name: string; controllers: string }[]; links: { name: string; target: string }[] }
  | { version: 2 };

export interface CgroupWish {
  id: string;
  limits: Limits;
  /** Undefined for no restriction. */
  devices: readonly DeviceRule[] | undefined;
  /** Where folders are noted before they are made, so that a crash leaves a trace of them. */
  announce: (folders: string[]) => void;
}

/** The folder of all containers of tspull in each hierarchy. */
export const PARENT = 'tspull';

export function prepareCgroup(wish: CgroupWish, hierarchies: Hierarchies = findHierarchies()): ContainerCgroup {
  if (hierarchies.v1.size > 0) return prepareV1(wish, hierarchies.v1);
  if (hierarchies.v2 !== undefined) return prepareV2(wish, hierarchies.v2);
  const [limit] = Object.keys(wish.limits);
  if (limit !== undefined) throw lacking(limit);
  const warnings = ['no cgroups are mounted: the container is not kept from devices that it makes itself'];
  return { folders: [], tasks: [], folderV2: undefined, view: { version: 0 }, warnings };
}

/** Where an OCI runtime may make cgroups for a container: in every hierarchy, also in those that we leave alone. */
export function allFolders(id: string): string[] {
  const mounts = cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return [...new Set(mounts.map(({ mountPoint }) => join(mountPoint, PARENT, id)))];
}

const controllerOf: Record<keyof Limits, string> = {
  memory: 'memory',
  memorySwap: 'memory',
  memoryReservation: 'memory',
  memorySwappiness: 'memory',
  oomKillDisable: 'memory',
  cpuQuota: 'cpu',
  cpuPeriod: 'cpu',
  cpuShares: 'cpu',
  cpus: 'cpuset',
  mems: 'cpuset',
  pids: 'pids',
  blkioWeight: 'blkio',
  blkioWeightDevices: 'blkio',
  throttles: 'blkio',
  hugetlb: 'hugetlb',
};

/**
 * Fails when a limit needs a controller that is not there.
 *
 * @param hintFor what to do about it, where that is known
 */
export function requireControllers(
  limits: Limits,
  has: (controller: string) => boolean,
  hintFor: (controller: string) => string | undefined = () => undefined,
): void {
  for (const limit of Object.keys(limits) as (keyof Limits)[])
    if (!has(controllerOf[limit])) throw lacking(limit, hintFor(controllerOf[limit]));
}

function lacking(limit: string, hint = 'leave the limit out, or mount the controller'): KnownError {
  const controller = controllerOf[limit as keyof Limits];
  return new KnownError(
    'E_KERNEL',
    `cannot limit ${controller}: the cgroup controller "${controller}" is not available`,
    {
      hint,
      exitCode: 125,
    },
  );
}
