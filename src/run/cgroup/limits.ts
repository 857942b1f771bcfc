import { statSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import type { DeviceThrottle, RunOptions } from '../run-options.js';
import { majorOf, minorOf } from '../spec/devices.js';

/** A block device by its numbers, `254:0`. */
export interface DeviceLimit {
  device: string;
  value: number;
}

export type ThrottleKind = DeviceThrottle['kind'];

/** What a container may use. Sizes in bytes; absent means unlimited. */
export interface Limits {
  memory?: number;
  /** Memory and swap together, -1 for no limit. */
  memorySwap?: number;
  memoryReservation?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  /** Microseconds of CPU time in each period, -1 for no limit. */
  cpuQuota?: number;
  /** Microseconds; {@link CPU_PERIOD} unless said. */
  cpuPeriod?: number;
  cpuShares?: number;
  cpus?: string;
  mems?: string;
  pids?: number;
  blkioWeight?: number;
  blkioWeightDevices?: DeviceLimit[];
  throttles?: (DeviceLimit & { kind: ThrottleKind })[];
  hugetlb?: Record<string, number>;
}

/** What the machine has: lists like `0-3,8`. */
export interface Machine {
  onlineCpus: string;
  /** Memory nodes. */
  onlineMems: () => string;
}

/** Microseconds, the kernel's default. */
export const CPU_PERIOD = 100000;
/** Where {@link Limits.memorySwap} has no effect. */
export const noSwapAccounting = 'your kernel does not account swap: only memory is limited';
/** Where weights have no effect. */
export const noIoWeight =
  'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.';
const SMALLEST_MEMORY = 6 * 1024 * 1024;

/** Checks the options against the machine, with Docker's texts. */
export function containerLimits(options: RunOptions, machine: Machine): Limits {
  const limits: Limits = { ...memoryLimits(options), ...cpuLimits(options, machine), ...ioLimits(options) };
  if (options.pidsLimit !== undefined && options.pidsLimit > 0) limits.pids = options.pidsLimit;
  const { hugetlb = {} } = options;
  for (const size of Object.keys(hugetlb)) checkPageSize(size);
  if (Object.keys(hugetlb).length > 0) limits.hugetlb = hugetlb;
  return limits;
}

function memoryLimits(options: RunOptions): Limits {
  const limits: Limits = {};
  const { memory, memorySwap, memoryReservation: reserved, memorySwappiness: swappiness } = options;
  if (memory !== undefined && memory > 0) {
    if (memory < SMALLEST_MEMORY) throw usage('Minimum memory limit allowed is 6MB');
    limits.memory = memory;
  }
  if (memorySwap !== undefined && memorySwap !== 0) {
    if (limits.memory === undefined && memorySwap > 0)
      throw usage('You should always set the Memory limit when using Memoryswap limit, see usage');
    if (memorySwap > 0 && memorySwap < (limits.memory ?? 0))
      throw usage('Minimum memoryswap limit should be larger than memory limit, see usage');
    limits.memorySwap = memorySwap;
  }
  if (swappiness !== undefined && swappiness !== -1) {
    if (!(swappiness >= 0 && swappiness <= 100))
      throw usage(`Invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
    limits.memorySwappiness = swappiness;
  }
  if (reserved !== undefined && reserved > 0) {
    if (reserved < SMALLEST_MEMORY) throw usage('Minimum memory reservation allowed is 6MB');
    if (limits.memory !== undefined && limits.memory < reserved)
      throw usage('Minimum memory limit can not be less than memory reservation limit, see usage');
    limits.memoryReservation = reserved;
  }
  if (options.oomKillDisable) limits.oomKillDisable = true;
  return limits;
}

function cpuLimits(options: RunOptions, { onlineCpus, onlineMems }: Machine): Limits {
  const limits: Limits = {};
  const { cpus, cpuQuota, cpuPeriod, cpuShares, cpusetCpus, cpusetMems } = options;
  if (cpus !== undefined && cpus !== 0) {
    const count = numbersIn(onlineCpus, 'cpus').length;
    if (cpuPeriod) throw usage('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (cpuQuota) throw usage('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    if (!(cpus >= 0.01 && cpus <= count))
      throw usage(`Range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`);
    limits.cpuQuota = Math.round(cpus * CPU_PERIOD);
  }
  if (cpuPeriod) {
    if (!(cpuPeriod >= 1000 && cpuPeriod <= 1_000_000))
      throw usage('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
    limits.cpuPeriod = cpuPeriod;
  }
  if (cpuQuota) {
    if (cpuQuota > 0 && cpuQuota < 1000) throw usage('CPU cfs quota can not be less than 1ms (i.e. 1000)');
    limits.cpuQuota = cpuQuota;
  }
  if (cpuShares !== undefined && cpuShares !== 0) limits.cpuShares = cpuShares;
  if (cpusetCpus) limits.cpus = available(cpusetCpus, onlineCpus, 'cpus', 'CPUs');
  if (cpusetMems) limits.mems = available(cpusetMems, onlineMems(), 'mems', 'memory nodes');
  return limits;
}

function available(wanted: string, online: string, kind: string, words: string): string {
  const there = numbersIn(online, kind);
  if (numbersIn(wanted, kind).some((number) => !there.includes(number)))
    throw usage(`Requested ${words} are not available - requested ${wanted}, available: ${online}`);
  return wanted;
}

function ioLimits({ blkioWeight, blkioWeightDevices: weights = [], throttles = [] }: RunOptions): Limits {
  const limits: Limits = {};
  if (blkioWeight) limits.blkioWeight = inWeightRange(blkioWeight);
  if (weights.length > 0)
    limits.blkioWeightDevices = weights.map(({ path, weight }) => ({
      device: blockDevice(path),
      value: inWeightRange(weight),
    }));
  if (throttles.length > 0)
    limits.throttles = throttles.map(({ path, kind, rate }) => ({ device: blockDevice(path), kind, value: rate }));
  return limits;
}

function inWeightRange(weight: number): number {
  if (weight >= 10 && weight <= 1000) return weight;
  throw usage('Range of blkio weight is from 10 to 1000');
}

function blockDevice(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isBlockDevice()) return `${majorOf(stats.rdev)}:${minorOf(stats.rdev)}`;
  throw usage(`${printable(path)} is not a block device`);
}

function numbersIn(list: string, kind: string): number[] {
  return list.split(',').flatMap((part) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) throw usage(`invalid value ${printable(list)} for cpuset ${kind}`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

function usage(message: string): KnownError {
  return new KnownError('E_USAGE', message, { exitCode: 125 });
}

/** It becomes part of a file's name. @throws KnownError E_USAGE */
export function checkPageSize(size: string): string {
  if (/^\d{1,4}[KMG]B$/.test(size)) return size;
  throw usage(`invalid size of huge pages "${printable(size)}": it is written as 2MB`);
}
