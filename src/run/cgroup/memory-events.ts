import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';

/** Whether the kernel killed a process of the container for want of memory. Ask before the cgroups are removed. */
export function wasOutOfMemory(folders: readonly string[]): boolean {
  return folders.some((folder) =>
    ['memory.oom_control', 'memory.events'].some((file) => /^oom_kill [1-9]/m.test(textOf(join(folder, file)))),
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return '';
    throw error;
  }
}
