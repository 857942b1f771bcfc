/** What a running container uses at a moment, from its cgroups. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { isErrno } from '../../store/errors.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { cgroupUsage } from '../run/cgroup/usage.js';

export interface UsageSample {
  /** Milliseconds of a monotonic clock. */
  time: number;
  /** Microseconds of processor time so far. */
  cpuUs: number;
  /** Bytes, without what the kernel keeps of files that nobody used lately. */
  memory: number;
  /** Bytes; the machine's memory where there is no limit. */
  memoryLimit: number;
  /** Bytes from and to block devices so far. */
  blockRead: number;
  blockWrite: number;
  processes: number;
}

export function sampleUsage({ cgroups }: ContainerRecord): UsageSample {
  const read = (...names: string[]): string => {
    for (const name of names)
      for (const folder of cgroups) {
        const text = textOf(join(folder, name));
        if (text !== undefined) return text;
      }
    return '';
  };
  const used = Number(read('memory.usage_in_bytes', 'memory.current').trim() || 0);
  const cache = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(read('memory.stat'))?.[1] ?? 0);
  const limit = Number(read('memory.limit_in_bytes', 'memory.max').trim());
  const total = totalmem();
  return {
    time: performance.now(),
    cpuUs: cgroupUsage(cgroups).cpuUs ?? 0,
    memory: Math.max(0, used - cache),
    memoryLimit: limit > 0 && limit < total ? limit : total,
    ...blockIo(read('blkio.throttle.io_service_bytes'), read('io.stat')),
    processes: Number(read('pids.current').trim() || 0),
  };
}

/** Version 1 has lines `8:0 Read 4096`, version 2 lines `8:0 rbytes=4096 wbytes=0 …`. */
function blockIo(v1: string, v2: string): { blockRead: number; blockWrite: number } {
  const sum = (text: string, pattern: RegExp): number =>
    Array.from(text.matchAll(pattern), ([, number]) => Number(number)).reduce((a, b) => a + b, 0);
  return {
    blockRead: sum(v1, / Read (\d+)/g) + sum(v2, / rbytes=(\d+)/g),
    blockWrite: sum(v1, / Write (\d+)/g) + sum(v2, / wbytes=(\d+)/g),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}
