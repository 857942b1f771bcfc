import { constants } from 'node:fs';
import { AT_FDCWD, O_CLOEXEC, OPEN_TREE_CLONE } from '../../../store/linux/flags.js';
import type { JoinedContainers } from '../join/joined-containers.js';
import type { Program, Slot } from '../stage2/program.js';
import * as c from './constants.js';

/**
 * Enters the namespaces of other containers, and returns a detached copy of the shared memory that goes with an IPC namespace. It can
 * only be copied from inside the mount namespace that has it. Its path has no link of that container: /dev is a mount that it
 * cannot take away.
 */
export function addJoinedNamespaces(program: Program, joined: JoinedContainers['namespaces']): Slot | undefined {
  for (const [fd, kind, what] of [
    [joined.network, c.CLONE_NEWNET, 'the network'],
    [joined.ipc, c.CLONE_NEWIPC, 'the IPC'],
    [joined.uts, c.CLONE_NEWUTS, 'the UTS'],
  ] as const)
    if (fd !== undefined) program.call('setns', [fd, kind], `${what} namespace of a container`);
  if (joined.mnt === undefined) return undefined;
  const own = program.slot();
  const shm = program.slot();
  program.call('openat', [AT_FDCWD, '/proc/self/ns/mnt', constants.O_RDONLY, 0], '/proc/self/ns/mnt', { save: own });
  program.call('setns', [joined.mnt, c.CLONE_NEWNS], 'the mount namespace of a container');
  const what = 'the shared memory of a container';
  program.call('open_tree', [AT_FDCWD, '/dev/shm', OPEN_TREE_CLONE | O_CLOEXEC], what, { save: shm });
  program.call('setns', [own, c.CLONE_NEWNS], 'the mount namespace');
  return shm;
}
