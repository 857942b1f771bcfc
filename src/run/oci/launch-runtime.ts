/**
 * Hands a container to an OCI runtime that is installed. The runtime gets a mount namespace in which the container's root is mounted at
 * the bundle, so that the host sees no mount here either; it dies with this process, and what it leaves is swept by its cgroups.
 */
import { accessSync, closeSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC } from '../../../store/linux/flags.js';
import { printable } from '../../../store/printable.js';
import * as c from '../program/constants.js';
import { addDeathSignal, REPORT } from '../program/supervisor.js';
import type { BindMount, HostMount } from '../run-options.js';
import { Program } from '../stage2/program.js';
import { explainFailure, statusOf } from '../start/explain-failure.js';
import { forwardSignals } from '../start/forward-signals.js';
import { hostArchitecture, type LaunchRequest, ownFiles, statusOfEnd } from '../start/launch.js';
import { lookUpUser } from '../start/prepare-root.js';
import { startStage2 } from '../start/stage2-process.js';
import { standardStreams } from '../start/standard-streams.js';
import { bundleConfig } from './bundle-config.js';
import { jsonWithWords } from './machine-words.js';

/** Fixed, so that the caller's PATH does not decide what runs as root. */
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** @returns the exit status of the command */
export async function launchRuntime(runtime: string, request: LaunchRequest): Promise<number> {
  const { spec, rootfs, files } = request;
  const path = findRuntime(runtime);
  refuseOthers(request);
  let program: Program;
  try {
    writeBundle(request);
    program = runtimeProgram(path, spec.id, files.dir);
  } catch (error) {
    closeSync(rootfs);
    throw error;
  }
  const streams = spec.tty
    ? { stdio: [0, 1, 2], started: () => undefined, finished: () => Promise.resolve() }
    : standardStreams(spec.interactive);
  const stage2 = startStage2({
    program,
    stdio: streams.stdio,
    inherited: (report) => [report, rootfs],
    folder: files.dir,
  });
  closeSync(rootfs);
  streams.started();
  const stopForwarding = forwardSignals(stage2.outerPid, spec.tty);
  try {
    const status = statusOfEnd(await stage2.ended);
    const failure = stage2.failure();
    if (failure !== undefined) throw explainFailure(program, failure);
    await streams.finished();
    if (status !== 0) throwLogged(runtime, files.dir);
    return status;
  } finally {
    stopForwarding();
    stage2.close();
  }
}

function findRuntime(runtime: string): string {
  const candidates = runtime.includes('/') ? [resolve(runtime)] : folders.map((folder) => join(folder, runtime));
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR')) throw error;
    }
  }
  throw new KnownError('E_RUN', `cannot find the OCI runtime "${printable(runtime)}"`, {
    hint: `install it, or name its path; looked in ${runtime.includes('/') ? candidates[0] : folders.join(', ')}`,
    exitCode: 125,
  });
}

function refuseOthers({ spec, hooks, namespaces }: LaunchRequest): void {
  const other =
    (spec.init && '--init') ||
    (hooks !== undefined && '--sandbox, --timeout, --output-limit or --json') ||
    (namespaces.ipc !== undefined && '--ipc container:NAME');
  if (other) throw new KnownError('E_USAGE', `conflicting options: --runtime and ${other}`, { exitCode: 125 });
  if (spec.tty && !process.stdin.isTTY)
    throw new KnownError('E_USAGE', '-t with --runtime needs a terminal as standard input', { exitCode: 125 });
}

const ROOTFS = 'rootfs';
const LOG = 'runtime.log';

function writeBundle({ spec, rootfs, files, namespaces }: LaunchRequest): void {
  const identity = lookUpUser(rootfs, spec);
  const mounts = [...spec.mounts.map(withSource), ...ownFiles(files, spec)];
  const { network, pid, uts } = namespaces;
  // This process outlives the runtime and holds them.
  const joined = Object.fromEntries(
    Object.entries({ network, pid, uts }).flatMap(([type, fd]) =>
      fd === undefined ? [] : [[type, `/proc/${process.pid}/fd/${fd}`]],
    ),
  );
  const config = bundleConfig({ spec, identity, rootfs: ROOTFS, mounts, joined });
  writeFileSync(join(files.dir, 'config.json'), `${jsonWithWords(config)}\n`, { mode: 0o600 });
  mkdirSync(join(files.dir, ROOTFS), 0o700);
}

function withSource(mount: HostMount): HostMount {
  if (mount.type === 'bind' && mount.createSource) mkdirSync((mount as BindMount).source, { recursive: true });
  return mount;
}

/** The descriptor of the root is the one behind the report pipe. */
const ROOTFS_FD = REPORT + 1;
const CLOSE_RANGE_CLOEXEC = 4;

function runtimeProgram(path: string, id: string, bundle: string): Program {
  const program = new Program(hostArchitecture());
  program.call('close_range', [ROOTFS_FD + 1, c.LAST_DESCRIPTOR, 0], 'inherited descriptors');
  addDeathSignal(program);
  program.call('unshare', [c.CLONE_NEWNS], 'a mount namespace');
  program.call('mount', [0, '/', 0, MS_REC | MS_PRIVATE, 0], 'the mounts private');
  const point = join(bundle, ROOTFS);
  program.call('move_mount', [ROOTFS_FD, '', AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH], 'the root');
  program.call('close_range', [REPORT, c.LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC], 'our descriptors');
  const args = ['--root', join(bundle, 'runtime'), '--log', join(bundle, LOG), '--log-format', 'json'];
  const argv = program.texts([path, ...args, 'run', '--bundle', bundle, id]);
  const env = program.texts([`PATH=${folders.join(':')}`]);
  program.call('execve', [path, argv, env], path);
  return program;
}

/** A runtime that could not start the command says so in its log and ends with 1; otherwise its status is the command's. */
function throwLogged(runtime: string, bundle: string): void {
  let text = '';
  try {
    text = readFileSync(join(bundle, LOG), 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const errors = text.split('\n').flatMap((line) => (/"level":\s*"error"/.test(line) ? [messageIn(line)] : []));
  const last = errors.at(-1);
  if (last === undefined) return;
  const exitCode = statusOf(last);
  const code = exitCode === 125 ? 'E_RUN' : 'E_COMMAND';
  throw new KnownError(code, `${printable(runtime)}: ${printable(last)}`, { exitCode });
}

function messageIn(line: string): string {
  const entry: unknown = JSON.parse(line);
  return typeof entry === 'object' && entry !== null && 'msg' in entry ? String(entry.msg) : line;
}
