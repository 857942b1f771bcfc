import { closeSync, constants, openSync } from 'node:fs';
import { isErrno } from '../../store/errors.js';
import { tryLock } from '../../store/linux/flock.js';
import { containerFiles } from './container-files.js';
import type { ContainerRecord } from './container-record.js';

/** Whether a process stands by the container. Asking changes nothing. */
export function isAttended(root: string, id: string): boolean {
  let fd: number;
  try {
    fd = openSync(containerFiles(root, id).live, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    return !tryLock(fd, 'shared');
  } finally {
    closeSync(fd);
  }
}

/** The record as it would be had the process that stood by the container had the time to write it: what it kills dies with it. */
export function trueRecord(root: string, record: ContainerRecord): ContainerRecord {
  if (record.state === 'created' || record.state === 'exited' || isAttended(root, record.id)) return record;
  const { pid: _, ...rest } = record;
  return { ...rest, state: 'exited', exitCode: 137, finished: record.finished ?? record.started ?? record.created };
}
