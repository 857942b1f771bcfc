import { readdirSync } from 'node:fs';
import { isErrno } from '../../store/errors.js';
import { removeLockFile, tryAcquire } from '../../store/fs/lock.js';
import { removeTree } from '../../store/fs/remove-tree.js';
import { killProcesses, removeCgroups } from './cgroup-folders.js';
import { containerFiles, liveDir } from './container-files.js';
import { releaseNamesOf } from './container-name.js';
import { type ContainerRecord, readRecord, writeRecord } from './container-record.js';
import { recordEvent } from './events/journal.js';
import { removeContainer } from './remove-container.js';

/**
 * Puts right what killed processes left: a container whose lock is free has lost its process. It is removed when it was
 * to be removed at its end or never started, and recorded as exited otherwise.
 */
export function sweepDeadContainers(root: string): void {
  for (const id of liveIds(root)) {
    const path = containerFiles(root, id).live;
    using lock = tryAcquire(path, 'exclusive');
    if (lock === undefined) continue;
    const record = readRecord(root, id);
    if (record === undefined) removeUnrecorded(root, id);
    else bury(root, record);
    removeLockFile(path);
  }
}

/** Its process died before the record was written, or while all the rest was gone already: no layer or cgroup exists. */
function removeUnrecorded(root: string, id: string): void {
  releaseNamesOf(root, id);
  removeTree(containerFiles(root, id).dir);
}

function bury(root: string, record: ContainerRecord): void {
  for (const folder of record.cgroups) killProcesses(folder);
  if (!['exited', 'created'].includes(record.state)) recordEvent(root, record, 'die', { exitCode: '137' });
  if (record.autoRemove || (record.state === 'created' && record.request === undefined)) {
    removeContainer(root, record);
    recordEvent(root, record, 'destroy');
    return;
  }
  removeCgroups(record.cgroups);
  if (record.state === 'exited' || record.state === 'created') return;
  const { pid: _, ...rest } = record;
  // SIGKILL is what reached the container when its process died.
  writeRecord(root, { ...rest, state: 'exited', exitCode: 137, finished: new Date().toISOString(), cgroups: [] });
}

function liveIds(root: string): string[] {
  try {
    return readdirSync(liveDir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
