import { KnownError } from '../../../store/errors.js';
import type { RunOptions } from '../run-options.js';

/** What a container may use. Sizes in bytes; absent means unlimited. */
export interface Limits {
  memory?: number;
  /** Memory and swap together, -1 for no limit. */
  memorySwap?: number;
  /** Microseconds of CPU time in each {@link CPU_PERIOD}. */
  cpuQuota?: number;
  cpuShares?: number;
  cpus?: string;
  pids?: number;
}

/** Microseconds, the kernel's default. */
export const CPU_PERIOD = 100000;
/** Where {@link Limits.memorySwap} has no effect. */
export const noSwapAccounting = 'your kernel does not account swap: only memory is limited';
const SMALLEST_MEMORY = 6 * 1024 * 1024;

/** Checks the options against the machine, with Docker's texts. `online` is a list like `0-3,8`. */
export function containerLimits(options: RunOptions, cpuCount: number, online: string): Limits {
  const limits: Limits = {};
  const { memory, memorySwap, cpus, cpuShares, cpusetCpus, pidsLimit } = options;
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
  if (cpus !== undefined && cpus !== 0) {
    if (!(cpus >= 0.01 && cpus <= cpuCount))
      throw usage(`Range of CPUs is from 0.01 to ${cpuCount}.00, as there are only ${cpuCount} CPUs available`);
    limits.cpuQuota = Math.round(cpus * CPU_PERIOD);
  }
  if (cpuShares !== undefined && cpuShares !== 0) limits.cpuShares = cpuShares;
  if (cpusetCpus !== undefined && cpusetCpus !== '') {
    const available = cpuNumbers(online);
    if (cpuNumbers(cpusetCpus).some((cpu) => !available.includes(cpu)))
      throw usage(`Requested CPUs are not available - requested ${cpusetCpus}, available: ${online}`);
    limits.cpus = cpusetCpus;
  }
  if (pidsLimit !== undefined && pidsLimit > 0) limits.pids = pidsLimit;
  return limits;
}

function cpuNumbers(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) throw usage(`invalid value ${list} for cpuset cpus`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

function usage(message: string): KnownError {
  return new KnownError('E_USAGE', message, { exitCode: 125 });
}
