/** Changing the limits of a container that runs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { findHierarchies } from './hierarchies.js';
import type { Limits } from './limits.js';
import { writeLimitsV1 } from './v1.js';
import { limitFiles } from './v2.js';

/** @param folders the container's cgroups */
export function updateLimits(folders: readonly string[], limits: Limits): void {
  const [folder] = folders;
  if (folder === undefined)
    throw new KnownError('E_KERNEL', 'cannot change limits: the container has no cgroup', {
      hint: 'mount the cgroup controllers',
    });
  try {
    if (existsSync(join(folder, 'cgroup.controllers'))) {
      for (const [file, value] of limitFiles(limits))
        if (file !== 'memory.swap.max' || existsSync(join(folder, file)))
          writeFileSync(join(folder, file), value, { flag: 'r+' });
    } else {
      makeRoom(folders, limits);
      writeLimitsV1(basename(folder), limits, findHierarchies().v1);
    }
    const processes = folders.map((path) => join(path, 'pids.max')).find((path) => existsSync(path));
    if (limits.pids === undefined && processes !== undefined) writeFileSync(processes, 'max', { flag: 'r+' });
  } catch (cause) {
    if (!isErrno(cause, 'EBUSY', 'EINVAL', 'EACCES', 'ENOENT')) throw cause;
    throw new KnownError('E_KERNEL', `cannot change the limits of a container: ${String(cause)}`, {
      cause,
      hint: 'the kernel refuses limits below what is in use, and those whose controller is missing',
    });
  }
}

/** Memory cannot be raised above the limit of memory and swap: that one goes first then (cgroup-v1/memory.rst). */
function makeRoom(folders: readonly string[], { memory, memorySwap }: Limits): void {
  const file = folders
    .map((folder) => join(folder, 'memory.memsw.limit_in_bytes'))
    .find((path) => existsSync(path) && existsSync(dirname(path)));
  if (file === undefined || memory === undefined) return;
  const total = memorySwap ?? 2 * memory;
  if (total < 0 || total > Number(readFileSync(file, 'utf8'))) writeFileSync(file, String(total), { flag: 'r+' });
}
