/** The whole start of a container as one program, from the supervisor to the command. */
import { constants } from 'node:fs';
import { AT_FDCWD, O_PATH, RESOLVE_NO_MAGICLINKS } from '../../../store/linux/flags.js';
import type { JoinedContainers } from '../join/joined-containers.js';
import { type ContainerSpec, searchPath } from '../spec/container-spec.js';
import type { Architecture } from '../stage2/code.js';
import { type Argument, Program } from '../stage2/program.js';
import * as c from './constants.js';
import { addDevices, type MountedDevice } from './devices.js';
import { addExecution } from './execute.js';
import { addLastPrivileges, addUser, type Privileges } from './identity.js';
import { addInit } from './init.js';
import { addJoinedNamespaces } from './join.js';
import { addKernelMounts, addMasks, addProcAndSys, type MountPlan } from './kernel-mounts.js';
import { addEnterRoot } from './root.js';
import { addSupervisor, REPORT } from './supervisor.js';
import { addSystemSettings } from './system.js';
import { userNamespaceEntry } from './user-namespace.js';
import { type Attachment, addAttachments, openHow } from './volumes.js';
import { writeKernelFile } from './write-file.js';

/** What the set-up made and the program uses. Descriptors are those of the stage-2 process. */
export interface StartPlan {
  rootfs: number;
  mounts: MountPlan;
  attachments: readonly Attachment[];
  privileges: Privileges;
  env: readonly string[];
  /** Files to write `0` to, to enter cgroups of version 1. */
  tasks: readonly string[];
  /** The cgroup of version 2 to start in. */
  cgroup: number | undefined;
  /** Namespaces of other containers. */
  joined: JoinedContainers['namespaces'];
  userNamespace: number | undefined;
  /** Mounts of devices instead of such that are made: nobody makes devices in a user namespace. */
  devices: readonly MountedDevice[] | undefined;
  firstStray: number;
  /** Whether the report tells how the container ended. */
  reportsEnd: boolean;
}

export function containerProgram(architecture: Architecture, spec: ContainerSpec, plan: StartPlan): Program {
  const program = new Program(architecture);
  const { own } = spec;
  const entry = plan.userNamespace === undefined ? undefined : userNamespaceEntry(program, spec, plan);
  addSupervisor(program, {
    namespaces:
      c.CLONE_NEWNS |
      (own.network ? c.CLONE_NEWNET : 0) |
      (own.ipc ? c.CLONE_NEWIPC : 0) |
      (own.uts ? c.CLONE_NEWUTS : 0),
    ownPid: own.pid,
    joinedPid: plan.joined.pid,
    enterUserNamespace: entry?.enter,
    cgroup: plan.cgroup,
    firstStray: plan.firstStray,
    reportsEnd: plan.reportsEnd,
  });
  const shm = addJoinedNamespaces(program, plan.joined);
  if (entry !== undefined) entry.joinCgroups();
  else for (const path of plan.tasks) writeKernelFile(program, path, '0');
  if (spec.own.cgroup)
    program.call('unshare', [c.CLONE_NEWCGROUP], 'a cgroup namespace', { ignore: plan.mounts.cgroup.version === 0 });
  if (spec.oomScoreAdj !== undefined && entry === undefined)
    writeKernelFile(program, '/proc/self/oom_score_adj', String(spec.oomScoreAdj));
  addProcessReport(program);
  addEnterRoot(program, plan.rootfs, () => addProcAndSys(program, plan.mounts));
  addKernelMounts(program, shm === undefined ? plan.mounts : { ...plan.mounts, shm });
  addDevices(program, plan.devices ?? spec.devices, spec.tty);
  addSystemSettings(program, spec);
  if (!spec.unmaskedPaths) addMasks(program);
  addAttachments(program, plan.attachments);
  addSession(program, spec);
  addUser(program, plan.privileges);
  addWorkdir(program, spec.workdir);
  // The command's execution closes all; the report pipe is needed until then.
  program.call('close_range', [REPORT, c.LAST_DESCRIPTOR, c.CLOSE_RANGE_CLOEXEC]);
  if (!own.pid) program.call('prctl', [c.PR_SET_PDEATHSIG, c.SIGKILL]);
  if (spec.apparmor !== undefined) writeKernelFile(program, '/proc/self/attr/apparmor/exec', `exec ${spec.apparmor}`);
  addLastPrivileges(program, plan.privileges);
  if (spec.init) addInit(program, spec.tty);
  addExecution(program, { argv: spec.argv, env: plan.env, path: searchPath(spec) });
  return program;
}

/** Marks the message that tells the process id. */
export const PROCESS_REPORT = 'process:';

/** Sends the process id as the host sees it: what `self` in the host's /proc points to. */
export function addProcessReport(program: Program, proc: Argument = AT_FDCWD, self = '/proc/self'): void {
  const message = Buffer.alloc(24);
  message.write(PROCESS_REPORT);
  const address = program.bytes(message);
  program.call('readlinkat', [proc, self, address + PROCESS_REPORT.length, 16], '/proc/self');
  program.call('write', [REPORT, address, 24], 'the process id');
}

export function addSession(program: Program, { tty }: Pick<ContainerSpec, 'tty'>): void {
  program.call('setsid', []);
  if (tty) program.call('ioctl', [0, c.TIOCSCTTY, 0], 'the controlling terminal');
}

/** Entered by descriptor, which refuses magic links: `/proc/self/fd/7` would be a directory of the host. */
export function addWorkdir(program: Program, workdir: string): void {
  const how = openHow(program, O_PATH | constants.O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
  const fd = program.slot();
  program.call('openat2', [AT_FDCWD, workdir, how, 24], `the working directory ${workdir}`, { save: fd });
  program.call('fchdir', [fd], `the working directory ${workdir}`);
}
