import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { makeSocketPair } from '../../store/linux/anonymous-file.js';
import { spawnInSession } from '../../store/linux/spawn.js';
import { containerFiles } from '../containers/container-files.js';
import { endOfChild } from '../run/start/end-of-child.js';

/** V8 without what only long work repays; it makes the garbage collector callable. */
const savingMemory = ['--lite-mode', '--expose-gc', '--v8-pool-size=0', '--single-threaded-gc'];

/**
 * Starts the process that will stand by the container; it goes on when this one ends. What it cannot tell anybody goes to the
 * file supervisor.log in the container's folder.
 *
 * @returns a descriptor: the first connection with it (src/containers/control/)
 */
export function spawnSupervisor(root: string, id: string): number {
  const [ours, theirs] = makeSocketPair();
  const nothing = openSync('/dev/null', 'r+');
  const log = openSync(join(containerFiles(root, id).dir, 'supervisor.log'), 'a', 0o600);
  try {
    const pid = spawnInSession({
      path: process.execPath,
      argv: ['tspull-supervisor', ...savingMemory, program(), root, id],
      descriptors: [nothing, log, log, theirs],
    });
    // In a program that lives on, somebody has to take note of its end.
    void endOfChild(pid, { keepsAlive: false });
    return ours;
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    for (const fd of [nothing, log, theirs]) closeSync(fd);
  }
}

/** Beside this file, or beside the folder of the bundle that this file is in. */
function program(): string {
  const here = import.meta.dirname;
  const bundled = [join(here, '..', 'supervisor-main.cjs'), join(here, 'supervisor-main.cjs')];
  return bundled.find((path) => existsSync(path)) ?? join(here, 'supervisor-main.js');
}
