/**
 * The file systems of the kernel in a container, as dockerd mounts them. The paths are safe to use as strings: the root is
 * the container's, /proc, /sys and /dev were checked to be real directories, nobody else can reach this root yet, and
 * everything below them is the kernel's or ours.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import {
  AT_FDCWD,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_STRICTATIME,
} from '../../../store/linux/flags.js';
import type { CgroupView } from '../cgroup/container-cgroup.js';
import type { Program, Slot } from '../stage2/program.js';

const STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC;

export interface MountPlan {
  privileged: boolean;
  shmSize: number;
  cgroup: CgroupView;
  /** Descriptors of detached mounts to use instead of new ones: the pty's devpts, the host's shared memory. */
  devpts: number | undefined;
  shm: number | Slot | undefined;
  mqueue: number | undefined;
  /**
   * Without a cgroup namespace of its own: detached mounts of its cgroups, in the order of `cgroup`. A new mount would show those of
   * all others.
   */
  cgroupFolders: readonly number[] | undefined;
}

function mount(program: Program, type: string, path: string, flags: number, options: string | 0 = 0): void {
  program.call('mount', [type, path, type, flags, options], `${type} on ${path}`);
}

/** In a user namespace the kernel wants to see such a mount that hides nothing before it makes another. */
export function addProcAndSys(program: Program, { privileged }: MountPlan): void {
  mount(program, 'proc', '/proc', STRICT);
  mount(program, 'sysfs', '/sys', STRICT | (privileged ? 0 : MS_RDONLY));
}

export function addKernelMounts(program: Program, plan: MountPlan): void {
  mount(program, 'tmpfs', '/dev', MS_NOSUID | MS_STRICTATIME, 'mode=755,size=65536k');
  for (const name of ['pts', 'shm', 'mqueue']) program.call('mkdirat', [AT_FDCWD, `/dev/${name}`, 0o755]);
  if (plan.devpts === undefined)
    mount(program, 'devpts', '/dev/pts', MS_NOSUID | MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=0620,gid=5');
  else attach(program, plan.devpts, '/dev/pts');
  if (plan.shm === undefined) {
    const options = `mode=1777,size=${Math.ceil(plan.shmSize / 1024)}k`;
    program.call('mount', ['shm', '/dev/shm', 'tmpfs', STRICT, options], 'tmpfs on /dev/shm');
  } else attach(program, plan.shm, '/dev/shm');
  if (plan.mqueue === undefined) mount(program, 'mqueue', '/dev/mqueue', STRICT);
  else attach(program, plan.mqueue, '/dev/mqueue');
  addCgroupMounts(program, plan);
}

function attach(program: Program, fd: number | Slot, path: string): void {
  program.call('move_mount', [fd, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH], path);
}

const CGROUP = '/sys/fs/cgroup';

function addCgroupMounts(program: Program, { cgroup, cgroupFolders, privileged }: MountPlan): void {
  const readonly = privileged ? 0 : MS_RDONLY;
  const [folder] = cgroupFolders ?? [];
  if (cgroup.version === 2 && folder !== undefined) attach(program, folder, CGROUP);
  else if (cgroup.version === 2) mount(program, 'cgroup2', CGROUP, STRICT | readonly);
  if (cgroup.version === 1) addControllerMounts(program, cgroup, readonly, cgroupFolders);
}

function addControllerMounts(
  program: Program,
  view: CgroupView & { version: 1 },
  readonly: number,
  folders: readonly number[] | undefined,
): void {
  mount(program, 'tmpfs', CGROUP, STRICT, 'mode=755');
  for (const [index, { name, controllers }] of view.mounts.entries()) {
    const path = `${CGROUP}/${name}`;
    const folder = folders?.[index];
    program.call('mkdirat', [AT_FDCWD, path, 0o755]);
    if (folder === undefined) mount(program, 'cgroup', path, STRICT | readonly, controllers);
    else attach(program, folder, path);
  }
  for (const { name, target } of view.links) program.call('symlinkat', [target, AT_FDCWD, `${CGROUP}/${name}`]);
  if (readonly) program.call('mount', [0, CGROUP, 0, MS_REMOUNT | MS_BIND | STRICT | MS_RDONLY, 0], CGROUP);
}

/** Kernel interfaces that tell about the host or change it (moby, daemon/pkg/oci/defaults.go). */
const masked = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Hides some paths and makes others read-only. /dev/null is the one that was just made. */
export function addMasks(program: Program): void {
  for (const path of maskedPaths()) {
    if (!existsSync(path)) continue;
    if (statSync(path).isDirectory())
      program.call('mount', ['tmpfs', path, 'tmpfs', STRICT | MS_RDONLY, 'size=0k'], `the mask on ${path}`);
    else program.call('mount', ['/dev/null', path, 0, MS_BIND, 0], `the mask on ${path}`);
  }
  for (const path of readonlyPaths) {
    if (!existsSync(path)) continue;
    program.call('mount', [path, path, 0, MS_BIND | MS_REC, 0], path);
    program.call('mount', [0, path, 0, MS_BIND | MS_REC | MS_REMOUNT | MS_RDONLY | STRICT, 0], `${path} read-only`);
  }
}

export function maskedPaths(): string[] {
  return [...masked, ...thermalThrottles()];
}

function thermalThrottles(): string[] {
  const folder = '/sys/devices/system/cpu';
  if (!existsSync(`${folder}/cpu0/thermal_throttle`)) return [];
  return readdirSync(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${folder}/${name}/thermal_throttle`);
}
