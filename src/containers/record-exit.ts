import { removeLockFile } from '../../store/fs/lock.js';
import { removeCgroups } from './cgroup-folders.js';
import { containerFiles } from './container-files.js';
import { type ContainerRecord, writeRecord } from './container-record.js';

/** Keeps a container that ended: its cgroups go, its layers and its record stay. */
export function recordExit(root: string, record: ContainerRecord, end: { exitCode: number; oomKilled: boolean }): void {
  removeCgroups(record.cgroups);
  const { pid: _, ...rest } = record;
  writeRecord(root, { ...rest, ...end, state: 'exited', finished: new Date().toISOString(), cgroups: [] });
  removeLockFile(containerFiles(root, record.id).live);
}
