import { constants } from 'node:fs';
import { AT_FDCWD } from '../../../store/linux/flags.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import type { Program, Slot } from '../stage2/program.js';
import * as c from './constants.js';
import type { StartPlan } from './container-program.js';
import { addDeathSignal } from './supervisor.js';
import { writeKernelFile } from './write-file.js';

export interface UserNamespaceEntry {
  /** For the parent of the container's first process. */
  enter: () => void;
  /** For that process itself. */
  joinCgroups: () => void;
}

/**
 * Entering a user namespace gives all rights over the host up. What needs them comes before: the score for the OOM killer, and
 * opening the files by which the container joins its cgroups, whose kernel asks who opened them.
 */
export function userNamespaceEntry(program: Program, spec: ContainerSpec, plan: StartPlan): UserNamespaceEntry {
  const tasks: Slot[] = [];
  return {
    enter() {
      const { oomScoreAdj } = spec;
      if (oomScoreAdj !== undefined) writeKernelFile(program, '/proc/self/oom_score_adj', String(oomScoreAdj));
      for (const path of plan.tasks) {
        const fd = program.slot();
        program.call('openat', [AT_FDCWD, path, constants.O_WRONLY, 0], path, { save: fd });
        tasks.push(fd);
      }
      program.call('setns', [plan.userNamespace ?? -1, c.CLONE_NEWUSER], 'the user namespace');
      program.call('setgroups', [0, 0]);
      program.call('setresgid', [0, 0, 0], '0');
      program.call('setresuid', [0, 0, 0], '0');
      // A change of ids takes it away.
      addDeathSignal(program);
    },
    joinCgroups() {
      for (const fd of tasks) program.call('write', [fd, '0', 1], 'a cgroup');
    },
  };
}
