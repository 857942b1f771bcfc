/** Finding the first process of a running container from outside. */
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { O_PATH } from '../../../store/linux/flags.js';
import type { ContainerRecord } from '../../containers/container-record.js';

/**
 * The directory in /proc of a container's first process; undefined when it does not run. The descriptor belongs to that very
 * process, so that a number that is given to another one in the meantime does no harm; what it is, is checked through it.
 *
 * Where the record does not tell, it is the oldest of those in its cgroup whose parent is not: others came in by exec.
 */
export function openFirstProcess(record: ContainerRecord): number | undefined {
  const [folder] = record.cgroups;
  if (record.pid !== undefined) return openIfIts(record, String(record.pid));
  if (folder === undefined)
    throw new KnownError('E_KERNEL', `cannot join the container ${record.id}: it has no cgroup to find it by`, {
      exitCode: 125,
    });
  const pids = (textOf(join(folder, 'cgroup.procs')) ?? '').split('\n').filter((line) => line !== '' && line !== '0');
  let first: { fd: number; start: number } | undefined;
  for (const pid of pids) {
    const fd = openIfIts(record, pid);
    if (fd === undefined) continue;
    const { parent, start } = readStat(fd);
    if (pids.includes(parent) || (first !== undefined && first.start <= start)) {
      closeSync(fd);
      continue;
    }
    if (first !== undefined) closeSync(first.fd);
    first = { fd, start };
  }
  return first?.fd;
}

function openIfIts(record: ContainerRecord, pid: string): number | undefined {
  const fd = openProcess(pid);
  if (fd === undefined) return undefined;
  const isInside = record.cgroups.length === 0 || (textOf(`/proc/self/fd/${fd}/cgroup`)?.includes(record.id) ?? false);
  if (isInside && hasOwnRoot(fd)) return fd;
  closeSync(fd);
  return undefined;
}

/** The parent, and when it began (ticks since the machine's start): proc_pid_stat(5), behind the name, which may hold anything. */
function readStat(process: number): { parent: string; start: number } {
  const text = textOf(`/proc/self/fd/${process}/stat`) ?? '';
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: fields[1] ?? '0', start: Number(fields[19] ?? Number.POSITIVE_INFINITY) };
}

/** Until its own is set up, the root of a container's process is that of the host. */
function hasOwnRoot(process: number): boolean {
  try {
    const [own, ours] = [`/proc/self/fd/${process}/root`, '/'].map((path) => statSync(path));
    return own !== undefined && ours !== undefined && (own.dev !== ours.dev || own.ino !== ours.ino);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

function openProcess(pid: string): number | undefined {
  try {
    return openSync(`/proc/${pid}`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'ENODEV')) return undefined;
    throw error;
  }
}
