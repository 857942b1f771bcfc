import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';

export interface Usage {
  /** Microseconds of processor time; undefined where nobody counted. */
  cpuUs: number | undefined;
  /** Bytes, what the kernel keeps for the container's files included. */
  peakMemory: number | undefined;
}

/** What a container used in all. Ask before its cgroups are removed. */
export function cgroupUsage(folders: readonly string[]): Usage {
  const find = (file: string, pattern: RegExp): number | undefined => {
    for (const folder of folders) {
      const number = pattern.exec(textOf(join(folder, file)))?.[1];
      if (number !== undefined) return Number(number);
    }
    return undefined;
  };
  const nanoseconds = find('cpuacct.usage', /^(\d+)/);
  return {
    cpuUs: nanoseconds === undefined ? find('cpu.stat', /^usage_usec (\d+)/m) : Math.round(nanoseconds / 1000),
    peakMemory: find('memory.max_usage_in_bytes', /^(\d+)/) ?? find('memory.peak', /^(\d+)/),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return '';
    throw error;
  }
}
