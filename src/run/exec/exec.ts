/** Runs a command in a container that runs. */
import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs';
import { isAbsolute, posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../../store/errors.js';
import { randomId } from '../../../store/fs/random-id.js';
import { O_PATH } from '../../../store/linux/flags.js';
import { printable } from '../../../store/printable.js';
import { containerFiles } from '../../containers/container-files.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import { recordEvent } from '../../containers/events/journal.js';
import { findContainer } from '../../containers/list-containers.js';
import { trueRecord } from '../../containers/true-state.js';
import { openFirstProcess } from '../join/first-process.js';
import { hostnameOf } from '../join/joined-containers.js';
import { type ExecPlan, execProgram, namespaceNames } from '../program/exec-program.js';
import type { ImageRunConfig, RunOptions } from '../run-options.js';
import { containerFilter } from '../seccomp/container-filter.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import { containerEnvironment } from '../spec/environment.js';
import { hostFacts } from '../spec/host-facts.js';
import { descriptors } from '../start/descriptors.js';
import { explainFailure } from '../start/explain-failure.js';
import { openGuard } from '../start/guard.js';
import { lastCapability } from '../start/last-capability.js';
import { environmentOf, hostArchitecture, statusOfEnd } from '../start/launch.js';
import { lookUpUser } from '../start/prepare-root.js';
import { type Stage2Process, startStage2 } from '../start/stage2-process.js';
import type { StandardStreams } from '../start/standard-streams.js';
import { specOf } from '../start-container.js';
import { TTY_GROUP } from '../tty/pty.js';
import { givePipes } from '../tty/terminal-owner.js';
import { enteredCgroup } from './entered-cgroup.js';
import type { ExecOptions } from './exec-options.js';

export interface ExecRequest {
  root: string;
  record: ContainerRecord;
  command: readonly string[];
  options: ExecOptions;
  /**
   * Makes what becomes 0, 1 and 2.
   *
   * @param rootfs a descriptor of the container's root
   * @param owner of a terminal, as ids of the host
   */
  streams: (rootfs: number, owner: { uid: number; gid: number }) => StandardStreams | Promise<StandardStreams>;
}

export interface ExecProcess {
  /**
   * Settles with the exit status of the command, 128 and the signal when one killed it.
   *
   * @throws KnownError with Docker's `exitCode` when it could not be executed
   */
  ended: Promise<number>;
  kill(): void;
}

/** Docker's status for a command that cannot be executed, whatever the reason. */
const CANNOT_EXECUTE = 126;
/** How long outputs are waited for that something else still holds after the command's end; dockerd waits as long. */
const OUTPUT_PATIENCE_MS = 2000;

/**
 * The container, if a command can be executed in it.
 *
 * @throws KnownError with Docker's texts when it does not run
 */
export function findToExec(root: string, name: string): ContainerRecord {
  const record = trueRecord(root, findContainer(root, name));
  if (record.state === 'paused')
    throw new KnownError('E_CONFLICT', `Container ${printable(name)} is paused, unpause the container before exec`);
  if (record.state === 'restarting')
    throw new KnownError('E_CONFLICT', `Container ${record.id} is restarting, wait until the container is running`);
  if (record.state !== 'running') throw notRunning(record);
  return record;
}

const notRunning = ({ id }: ContainerRecord): KnownError =>
  new KnownError('E_CONFLICT', `Container ${id} is not running`);

/** Starts the command; its streams are read until it ends. */
export async function startExec(request: ExecRequest): Promise<ExecProcess> {
  const note = noteExec(request);
  const { stage2, streams, check } = await begin(request);
  note.started();
  const wait = async (): Promise<number> => {
    try {
      const status = statusOfEnd(await stage2.ended);
      check();
      note.ended(status);
      await Promise.race([streams.finished(), delay(OUTPUT_PATIENCE_MS, undefined, { ref: false })]);
      return status;
    } finally {
      stage2.close();
    }
  };
  return { ended: wait(), kill: () => stage2.kill() };
}

/**
 * Starts the command and leaves it alone.
 *
 * @throws KnownError with Docker's `exitCode` when it cannot be executed
 */
export async function startDetachedExec(request: Omit<ExecRequest, 'streams'>): Promise<void> {
  const note = noteExec(request);
  const guard = openGuard();
  try {
    const { stage2, check } = await begin({ ...request, streams: () => noStreams() }, guard.fd);
    await guard.released();
    check();
    note.started();
    stage2.close();
  } finally {
    await guard.released();
  }
}

/** Its events, with Docker's names. The end of one that is left alone is nobody's to note. */
function noteExec({ root, record, command }: Omit<ExecRequest, 'streams'>): {
  started(): void;
  ended(status: number): void;
} {
  const [program = '', ...args] = command;
  const execID = randomId();
  const note = (action: string, more?: Record<string, string>): void =>
    recordEvent(root, record, action, { execID, ...more });
  note(`exec_create: ${program} ${args.join(' ')}`);
  return {
    started: () => note(`exec_start: ${program} ${args.join(' ')}`),
    ended: (status) => note('exec_die', { exitCode: String(status) }),
  };
}

interface Begun {
  stage2: Stage2Process;
  streams: Omit<StandardStreams, 'stdio'>;
  /** Throws what kept the command from being executed. */
  check: () => void;
}

async function begin({ root, record, command, options, streams: open }: ExecRequest, guard?: number): Promise<Begun> {
  const own = specOf(record, hostnameOfOther(root, record));
  const spec = asExecFailure(() => execSpec(own, record, command, options));
  const architecture = hostArchitecture();
  const { seccomp: profile, capabilities } = own;
  const filter = profile === 'unconfined' ? undefined : await containerFilter({ profile, architecture, capabilities });
  const first = openFirstProcess(record);
  if (first === undefined) throw notRunning(record);
  // Descriptors to close once the process has them, or when there will be none.
  const ours = [first];
  const openOf = (path: string, flags = constants.O_RDONLY): number => {
    const fd = openSync(`/proc/self/fd/${first}/${path}`, flags);
    ours.push(fd);
    return fd;
  };
  try {
    const rootfs = openOf('root', O_PATH | constants.O_DIRECTORY);
    const identity = asExecFailure(() => lookUpUser(rootfs, spec));
    const foreign = namespaceNames.filter((name) => linkOf('self', name) !== linkOf(`self/fd/${first}`, name));
    const textOf = (name: string): string => readFileSync(`/proc/self/fd/${first}/${name}`, 'latin1');
    const cgroup = enteredCgroup(record, textOf('cgroup'), foreign.includes('user'));
    if (cgroup.folder !== undefined) ours.push(cgroup.folder);
    // The place of the report pipe, which is made at the very end.
    const handed = descriptors(-1);
    const namespaces = foreign.map((name) => [name, handed.add(openOf(`ns/${name}`))]);
    const folder = cgroup.folder === undefined ? undefined : handed.add(cgroup.folder);
    if (guard !== undefined) handed.add(guard);
    const program = execProgram(architecture, spec, {
      namespaces: Object.fromEntries(namespaces) as ExecPlan['namespaces'],
      privileges: {
        identity,
        capabilities: spec.capabilities,
        lastCapability: lastCapability(),
        noNewPrivileges: spec.noNewPrivileges,
        filter,
        rlimits: spec.rlimits,
      },
      env: environmentOf(spec, identity),
      tasks: cgroup.tasks,
      cgroup: folder,
      firstStray: 3 + handed.list.length,
    });
    const owner = { uid: onHost(textOf('uid_map'), identity.uid), gid: onHost(textOf('gid_map'), TTY_GROUP) };
    const streams = await open(rootfs, owner);
    givePipes(streams.stdio, owner.uid);
    const stage2 = startStage2({
      program,
      stdio: streams.stdio,
      inherited: (report) => [report, ...handed.list.slice(1)],
      folder: containerFiles(root, record.id).dir,
      keepsAlive: guard === undefined,
    });
    streams.started();
    const check = (): void => {
      const failure = stage2.failure();
      if (failure !== undefined) throw withStatus(explainFailure(program, failure));
    };
    return { stage2, streams, check };
  } finally {
    for (const fd of ours) closeSync(fd);
  }
}

/** What the command has of its own in place of the container's. */
function execSpec(
  own: ContainerSpec,
  record: ContainerRecord,
  command: readonly string[],
  { tty = false, env = [], workdir, user, privileged = false }: ExecOptions,
): ContainerSpec {
  const { config, options } = record.request as { config: ImageRunConfig; options: RunOptions };
  if (workdir && !isAbsolute(workdir))
    throw new KnownError('E_USAGE', `the working directory "${printable(workdir)}" must be an absolute path`);
  const given = [...(options.env ?? []), ...env];
  return {
    ...own,
    argv: [...command],
    env: containerEnvironment({ image: config.Env ?? [], options: given, hostname: own.hostname, tty }),
    tty,
    workdir: workdir ? posix.normalize(workdir) : own.workdir,
    user: user || own.user,
    capabilities: privileged ? hostFacts().capabilities : own.capabilities,
  };
}

/** A container with the network of another one has its name. */
function hostnameOfOther(root: string, { networkOf, id }: ContainerRecord): { hostname?: string } {
  return networkOf === undefined ? {} : { hostname: hostnameOf(containerFiles(root, networkOf), id) };
}

/** What a namespace of a process is: `net:[4026531840]`. */
function linkOf(process: string, name: string): string {
  return readlinkSync(`/proc/${process}/ns/${name}`);
}

/** The id that the host has for one of a user namespace: user_namespaces(7) has the format of the map. */
function onHost(map: string, id: number): number {
  for (const line of map.trim().split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    if (id >= inside && id < inside + count) return outside + id - inside;
  }
  return id;
}

function noStreams(): StandardStreams {
  const nothing = openSync('/dev/null', 'r+');
  return { stdio: [nothing, nothing, nothing], started: () => closeSync(nothing), finished: async () => undefined };
}

function asExecFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof KnownError ? withStatus(error) : error;
  }
}

function withStatus(error: KnownError): KnownError {
  const { code, message, hint, cause } = error;
  return new KnownError(code, message, { cause, ...(hint !== undefined && { hint }), exitCode: CANNOT_EXECUTE });
}
