/**
 * A command in a container that runs, as one program.
 *
 *     tscontainer exec ── waiting process ── the command
 *
 * The waiting process enters the container's namespaces but not its pid namespace, which only counts for its child, nor its cgroups:
 * nothing in the container sees it, and what is done to the container does not reach it. It ends when the command does, and as
 * that did. The command goes on when those outside are killed, and ends with the container.
 */
import { constants } from 'node:fs';
import { AT_FDCWD, O_PATH } from '../../../store/linux/flags.js';
import { type ContainerSpec, searchPath } from '../spec/container-spec.js';
import type { Architecture } from '../stage2/code.js';
import { Program, type Slot } from '../stage2/program.js';
import * as c from './constants.js';
import { addProcessReport, addSession, addWorkdir } from './container-program.js';
import { addExecution } from './execute.js';
import { addLastPrivileges, addUser, type Privileges } from './identity.js';
import { forkAndWait, forkInto, REPORT } from './supervisor.js';
import { writeKernelFile } from './write-file.js';

/** What of a container's spec counts for a command in it. */
export type ExecSpec = Pick<ContainerSpec, 'argv' | 'env' | 'workdir' | 'tty' | 'apparmor' | 'oomScoreAdj'>;

/** Descriptors are those of the stage-2 process. */
export interface ExecPlan {
  /** Namespaces of the container's first process by their names in /proc, those that are not ours. */
  namespaces: Readonly<Partial<Record<NamespaceName, number>>>;
  privileges: Privileges;
  env: readonly string[];
  /** Files to write `0` to, to enter cgroups of version 1. */
  tasks: readonly string[];
  /** The cgroup of version 2 to start in. */
  cgroup: number | undefined;
  firstStray: number;
}

/**
 * In the order in which they are entered: the user namespace first, which the others of its container belong to, and the mount namespace
 * last, because until then paths are the host's.
 */
export const namespaceNames = ['user', 'cgroup', 'ipc', 'uts', 'net', 'pid', 'mnt'] as const;
export type NamespaceName = (typeof namespaceNames)[number];

const flags: Record<NamespaceName, number> = {
  user: c.CLONE_NEWUSER,
  cgroup: c.CLONE_NEWCGROUP,
  ipc: c.CLONE_NEWIPC,
  uts: c.CLONE_NEWUTS,
  net: c.CLONE_NEWNET,
  pid: c.CLONE_NEWPID,
  mnt: c.CLONE_NEWNS,
};

export function execProgram(architecture: Architecture, spec: ExecSpec, plan: ExecPlan): Program {
  const program = new Program(architecture);
  // Without a report pipe somebody else started this file: see supervisor.ts.
  program.call('fcntl', [REPORT, c.F_GETFD]);
  program.call('chdir', ['/']);
  program.call('prctl', [c.PR_SET_DUMPABLE, 0]);
  program.call('close_range', [plan.firstStray, c.LAST_DESCRIPTOR, 0], 'inherited descriptors');
  if (spec.oomScoreAdj !== undefined) writeKernelFile(program, '/proc/self/oom_score_adj', String(spec.oomScoreAdj));
  const proc = open(program, '/proc', O_PATH | constants.O_DIRECTORY);
  const tasks = plan.tasks.map((path) => open(program, path, constants.O_WRONLY));
  for (const name of namespaceNames) {
    const fd = plan.namespaces[name];
    if (fd !== undefined) program.call('setns', [fd, flags[name]], `the ${name} namespace of the container`);
    if (fd !== undefined && name === 'user') addRootOfNamespace(program);
  }
  forkAndWait(program, 'the command', forkInto(program, 0, plan.cgroup));
  for (const [index, fd] of tasks.entries()) program.call('write', [fd, '0', 1], plan.tasks[index]);
  addProcessReport(program, proc, 'self');
  addSession(program, spec);
  addUser(program, plan.privileges);
  addWorkdir(program, spec.workdir);
  if (spec.apparmor !== undefined) addProfile(program, proc, spec.apparmor);
  // The command's execution closes all; the report pipe is needed until then.
  program.call('close_range', [REPORT, c.LAST_DESCRIPTOR, c.CLOSE_RANGE_CLOEXEC]);
  addLastPrivileges(program, plan.privileges);
  addExecution(program, { argv: spec.argv, env: plan.env, path: searchPath(spec) });
  return program;
}

/** Until then this process is somebody whom the user namespace does not know. */
function addRootOfNamespace(program: Program): void {
  program.call('setgroups', [0, 0]);
  program.call('setresgid', [0, 0, 0], '0');
  program.call('setresuid', [0, 0, 0], '0');
}

function open(program: Program, path: string, mode: number): Slot {
  const fd = program.slot();
  program.call('openat', [AT_FDCWD, path, mode, 0], path, { save: fd });
  return fd;
}

/** By the host's /proc: the container's may be something else by now. */
function addProfile(program: Program, proc: Slot, profile: string): void {
  const fd = program.slot();
  const text = `exec ${profile}`;
  program.call('openat', [proc, 'self/attr/apparmor/exec', constants.O_WRONLY, 0], 'apparmor', { save: fd });
  program.call('write', [fd, text, Buffer.byteLength(text)], text);
}
