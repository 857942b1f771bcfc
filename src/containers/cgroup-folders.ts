import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../store/errors.js';

const pause = new Int32Array(new SharedArrayBuffer(4));

/** How long the kernel may take to let go of a cgroup whose processes were killed. */
const PATIENCE_MS = 2000;

/** Removes a container's cgroups; processes that are still in them are killed, and cgroups below are removed first. */
export function removeCgroups(folders: readonly string[]): void {
  for (const folder of folders) endFrozen(folder);
  for (const folder of folders) removeCgroup(folder);
}

/** What the freezer of version 1 holds cannot die, in whichever cgroup it is killed. */
function endFrozen(folder: string): void {
  const state = join(folder, 'freezer.state');
  try {
    if (readFileSync(state, 'latin1').trim() === 'THAWED') return;
    killProcesses(folder);
    writeFileSync(state, 'THAWED', { flag: 'r+' });
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error;
  }
}

function removeCgroup(folder: string): void {
  const deadline = Date.now() + PATIENCE_MS;
  for (let delayMs = 1; ; delayMs = Math.min(2 * delayMs, 50)) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      // A file system that is read-only says so also of what is not there.
      if (!existsSync(folder)) return;
      if (!isErrno(error, 'EBUSY', 'ENOTEMPTY') || Date.now() > deadline) throw error;
    }
    killProcesses(folder);
    // A container that may write to its cgroup can have made others below.
    removeCgroups(foldersBelow(folder));
    Atomics.wait(pause, 0, 0, delayMs);
  }
}

function foldersBelow(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** All processes of a cgroup at once where the kernel can (v2), else one by one. */
export function killProcesses(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1', { flag: 'r+' });
    return;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EOPNOTSUPP')) throw error;
  }
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}

function processesOf(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && line !== '0')
      .map(Number);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}
