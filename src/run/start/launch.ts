/** Starts a container whose layers and cgroups exist, and waits for its end. */
import { closeSync, existsSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { changeMount, cloneMount } from '../../../store/linux/mount.js';
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
} from '../../../store/linux/mount-flags.js';
import type { Exit } from '../../../store/linux/spawn.js';
import type { ContainerFiles } from '../../containers/container-files.js';
import type { ContainerCgroup } from '../cgroup/container-cgroup.js';
import { openCgroup } from '../cgroup/open-cgroup.js';
import type { JoinedContainers } from '../join/joined-containers.js';
import { containerProgram, type StartPlan } from '../program/container-program.js';
import { standard } from '../program/devices.js';
import type { RunHooks } from '../run-hooks.js';
import type { HostMount } from '../run-options.js';
import { containerFilter } from '../seccomp/container-filter.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import type { DeviceNode } from '../spec/devices.js';
import { variable } from '../spec/environment.js';
import type { Identity } from '../spec/user.js';
import type { Architecture } from '../stage2/code.js';
import type { Program } from '../stage2/program.js';
import { givePipes, giveTerminal } from '../tty/terminal-owner.js';
import type { UserNamespace } from '../userns/user-namespace.js';
import { descriptors } from './descriptors.js';
import { explainFailure } from './explain-failure.js';
import { forwardSignals } from './forward-signals.js';
import { lastCapability } from './last-capability.js';
import { checkMountPoints, lookUpUser, makeWorkdir } from './prepare-root.js';
import { type Stage2Process, startStage2 } from './stage2-process.js';
import { type StandardStreams, standardStreams } from './standard-streams.js';
import { prepareVolumes } from './volumes.js';

export interface LaunchRequest {
  spec: ContainerSpec;
  /** The descriptor of the detached mount of its root. */
  rootfs: number;
  files: ContainerFiles;
  cgroup: ContainerCgroup;
  /** Descriptors of namespaces of other containers. */
  namespaces: JoinedContainers['namespaces'];
  userNamespace?: UserNamespace;
  hooks?: RunHooks;
}

/** @returns the exit status of the command, 128 and the signal when one killed it */
export async function launch(request: LaunchRequest): Promise<number> {
  const { spec, files, hooks } = request;
  const architecture = hostArchitecture();
  const filter =
    spec.seccomp === 'unconfined'
      ? undefined
      : await containerFilter({ profile: spec.seccomp, architecture, capabilities: spec.capabilities });
  const streams: StandardStreams =
    hooks?.streams ?? (spec.tty ? await ownTerminal(spec.interactive) : standardStreams(spec.interactive));
  // Descriptors to close once the process has them, or when there will be none.
  const ours = [request.rootfs];
  let program: Program;
  let stage2: Stage2Process;
  try {
    const prepared = prepare(request, { filter, streams, ours });
    program = containerProgram(architecture, spec, prepared.plan);
    stage2 = startStage2({ program, stdio: streams.stdio, inherited: prepared.inherited, folder: files.dir });
  } finally {
    for (const fd of ours) closeSync(fd);
  }
  streams.started();
  const stopForwarding = hooks?.forwardsSignals === false ? undefined : forwardSignals(stage2.pid, spec.tty);
  try {
    hooks?.started(stage2);
    const status = statusOfEnd(await stage2.ended);
    const failure = stage2.failure();
    if (failure !== undefined) throw explainFailure(program, failure);
    await streams.finished();
    return status;
  } finally {
    stopForwarding?.();
    stage2.close();
  }
}

async function ownTerminal(interactive: boolean): Promise<StandardStreams> {
  const [{ terminalStreams }, { openPty: open }] = await Promise.all([
    import('../tty/terminal-streams.js'),
    import('../tty/pty.js'),
  ]);
  return terminalStreams({ interactive, open });
}

/** A cgroup as a container may see it. */
function cgroupMount(folder: string, isWritable: boolean): number {
  const mount = cloneMount(folder);
  const strict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  changeMount(mount, { set: strict | (isWritable ? 0 : MOUNT_ATTR_RDONLY) });
  return mount;
}

export function hostArchitecture(): Architecture {
  if (process.arch === 'x64' || process.arch === 'arm64') return process.arch;
  throw new KnownError('E_UNSUPPORTED', `containers cannot be run on ${process.arch}`, { exitCode: 125 });
}

interface Prepared {
  plan: StartPlan;
  inherited: (report: number) => readonly number[];
}

function prepare(
  { spec, rootfs, files, cgroup, namespaces, userNamespace, hooks }: LaunchRequest,
  made: { filter: Buffer | undefined; streams: StandardStreams; ours: number[] },
): Prepared {
  const { filter, streams, ours } = made;
  checkMountPoints(rootfs);
  const identity = lookUpUser(rootfs, spec);
  userNamespace?.check(identity);
  if (streams.pty !== undefined) giveTerminal(streams.pty, identity.uid, userNamespace?.ids);
  givePipes(streams.stdio, userNamespace?.ids.uid(identity.uid) ?? identity.uid);
  makeWorkdir(rootfs, spec.workdir, userNamespace?.root);
  // The place of the report pipe, which is made at the very end.
  const handed = descriptors(-1);
  const own = (fd: number): number => {
    ours.push(fd);
    return handed.add(fd);
  };
  const root = handed.add(rootfs);
  const usesHostIpc = !spec.own.ipc && namespaces.ipc === undefined;
  const volumes = prepareVolumes(rootfs, [...ownFiles(files, spec), ...spec.mounts]);
  if (spec.readonly) changeMount(rootfs, { set: MOUNT_ATTR_RDONLY });
  const plan: StartPlan = {
    rootfs: root,
    mounts: {
      privileged: spec.privileged,
      shmSize: spec.shmSize,
      cgroup: cgroup.view,
      devpts: streams.pty?.devpts === undefined ? undefined : handed.add(streams.pty.devpts),
      shm: usesHostIpc ? own(cloneMount('/dev/shm')) : undefined,
      // Where the host has none mounted, a new one shows the same queues: they belong to the namespace.
      mqueue: usesHostIpc && existsSync('/dev/mqueue') ? own(cloneMount('/dev/mqueue')) : undefined,
      cgroupFolders: spec.own.cgroup
        ? undefined
        : cgroup.folders.map((path) => own(cgroupMount(path, spec.privileged))),
    },
    attachments: volumes.map(({ mount, target, make }) => ({ fd: own(mount), target, make })),
    privileges: {
      identity,
      capabilities: spec.capabilities,
      lastCapability: lastCapability(),
      noNewPrivileges: spec.noNewPrivileges,
      filter,
      rlimits: spec.rlimits,
    },
    env: environmentOf(spec, identity),
    // Starting in a cgroup of version 2 would be asked of the user namespace's root.
    tasks:
      cgroup.folderV2 === undefined || userNamespace === undefined ? cgroup.tasks : [`${cgroup.folderV2}/cgroup.procs`],
    cgroup: cgroup.folderV2 === undefined || userNamespace ? undefined : own(openCgroup(cgroup.folderV2)),
    joined: Object.fromEntries(Object.entries(namespaces).map(([kind, fd]) => [kind, handed.add(fd)])),
    userNamespace: userNamespace === undefined ? undefined : handed.add(userNamespace.fd),
    devices:
      userNamespace && devicesOf(spec).map(({ path, source = path }) => ({ path, mount: own(cloneMount(source)) })),
    firstStray: 0,
    reportsEnd: hooks !== undefined,
  };
  for (const guard of hooks?.guards ?? []) handed.add(guard);
  plan.firstStray = 3 + handed.list.length;
  return { plan, inherited: (report) => [report, ...handed.list.slice(1)] };
}

/** All that a container has: those that are asked for take the place of the usual ones. */
function devicesOf({ devices }: ContainerSpec): DeviceNode[] {
  return [...standard.filter(({ path }) => !devices.some((device) => device.path === path)), ...devices];
}

/** HOME comes last, unless it was given. */
export function environmentOf(spec: Pick<ContainerSpec, 'env'>, { home }: Identity): string[] {
  return variable(spec.env, 'HOME') === undefined ? [...spec.env, `HOME=${home}`] : spec.env;
}

/** The three files that tsrun writes for a container, where the caller does not mount something else. As read-only as the root. */
export function ownFiles(files: ContainerFiles, { mounts, readonly }: ContainerSpec): HostMount[] {
  const own = [
    ['/etc/resolv.conf', files.resolvConf],
    ['/etc/hostname', files.hostname],
    ['/etc/hosts', files.hosts],
  ] as const;
  return own
    .filter(([target]) => !mounts.some((mount) => mount.target === target))
    .map(([target, source]) => ({ type: 'bind', source, target, readonly }));
}

/** The status that a shell has for it. */
export function statusOfEnd(end: Exit): number {
  return 'code' in end ? end.code : 128 + end.signal;
}
