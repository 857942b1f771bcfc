/** What can be done with a container that exists: each function finds it by name or id, and settles when it is done. */
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { type HeldLock, removeLockFile, tryAcquire } from '../../store/fs/lock.js';
import { printable } from '../../store/printable.js';
import { containerFiles } from '../containers/container-files.js';
import { checkName, claimName, releaseName } from '../containers/container-name.js';
import { type ContainerRecord, readRecord, writeRecord } from '../containers/container-record.js';
import { type ControlClient, controlClient, SupervisorGone } from '../containers/control/control-client.js';
import { connectToControl } from '../containers/control/control-socket.js';
import { recordEvent } from '../containers/events/journal.js';
import { findContainer } from '../containers/list-containers.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { trueRecord } from '../containers/true-state.js';
import { type IdleSupervisor, spawnSupervisor } from '../supervisor/spawn-supervisor.js';

/** For a supervisor to end once its container has. */
const PATIENCE_MS = 5000;

export type OnOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void;

export interface Attachment {
  client: ControlClient;
  tty: boolean;
}

/** Its state is the true one: what dead processes left is put right first. */
export function find(root: string, name: string): ContainerRecord {
  sweepDeadContainers(root);
  return trueRecord(root, findContainer(root, name));
}

export interface StartOptions {
  /** Takes the output from the first byte on. */
  attach?: OnOutput;
  /** One that was started ahead. */
  supervisor?: IdleSupervisor;
}

/**
 * Starts a container that does not run; one that runs is left as it is.
 *
 * @returns the connection, when `attach` is given
 * @throws KnownError with Docker's `exitCode` when it cannot be started
 */
export async function startContainer(
  root: string,
  name: string,
  { attach, supervisor }: StartOptions = {},
): Promise<Attachment | undefined> {
  const { id } = find(root, name);
  const running = await connect(root, id, attach);
  if (running !== undefined) return await attachOr(running, attach);
  const { socket, attend } = supervisor ?? spawnSupervisor();
  attend(root, id);
  const client = controlClient(socket, attach);
  try {
    const attachment = attach === undefined ? undefined : await attachTo(client);
    await client.request({ do: 'start' });
    if (attachment === undefined) client.close();
    return attachment;
  } catch (error) {
    client.close();
    throw error;
  }
}

async function attachOr(client: ControlClient, attach: OnOutput | undefined): Promise<Attachment | undefined> {
  if (attach !== undefined) return await attachTo(client);
  client.close();
  return undefined;
}

async function attachTo(client: ControlClient): Promise<Attachment> {
  const { tty = false } = await client.request({ do: 'attach', input: true, output: true });
  return { client, tty };
}

/** @throws KnownError when it does not run */
export async function attachContainer(root: string, name: string, onOutput: OnOutput): Promise<Attachment> {
  const { id, state } = find(root, name);
  if (state === 'paused')
    throw new KnownError('E_CONFLICT', 'You cannot attach to a paused container, unpause it first');
  const client = await connect(root, id, onOutput);
  if (client === undefined)
    throw new KnownError('E_CONFLICT', 'You cannot attach to a stopped container, start it first');
  return await attachTo(client);
}

async function connect(root: string, id: string, onOutput?: OnOutput): Promise<ControlClient | undefined> {
  const socket = await connectToControl(root, id);
  return socket === undefined ? undefined : controlClient(socket, onOutput);
}

/**
 * Asks the supervisor. One that ends without an answer has ended with its container.
 *
 * @param whenNot says what it means that there is none; its argument is the container as it is then, undefined when it is removed
 */
export async function ask<T>(
  root: string,
  { id }: ContainerRecord,
  question: (client: ControlClient) => Promise<T>,
  whenNot: (record: ContainerRecord | undefined) => T,
): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await delay(5)) {
    const client = await connect(root, id);
    if (client !== undefined) {
      try {
        return await question(client);
      } catch (error) {
        if (!(error instanceof SupervisorGone)) throw error;
      } finally {
        client.close();
      }
    }
    const latest = findAgain(root, id);
    if (latest === undefined || latest.state === 'exited' || latest.state === 'created') return whenNot(latest);
    // One that runs in the foreground of another program.
    if (latest.state === 'running' && latest.pid === undefined)
      throw new KnownError('E_CONFLICT', `the container ${id} belongs to a tsrun in the foreground`, {
        hint: 'end that program; only containers that were started detached or by tscontainer can be controlled',
      });
    // Its supervisor is on its way out.
    if (Date.now() > end) throw new KnownError('E_RUN', `the supervisor of the container ${id} does not answer`);
  }
}

function findAgain(root: string, id: string): ContainerRecord | undefined {
  try {
    return find(root, id);
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_NO_CONTAINER') return undefined;
    throw error;
  }
}

const notRunning = (record: ContainerRecord, what = ''): KnownError =>
  new KnownError('E_CONFLICT', `${what}Container ${record.id} is not running`);

export interface StopOptions {
  /** Number; default the container's own, SIGTERM if it has none. */
  signal?: number;
  /** Seconds until SIGKILL; -1 for never. Default the container's own, 10 if it has none. */
  timeout?: number;
}

/** Ends it; one that does not run is left as it is. */
export async function stopContainer(
  root: string,
  name: string,
  { signal, timeout }: StopOptions,
  signalOf: (text: string) => number,
): Promise<void> {
  const record = find(root, name);
  const { config, options } = (record.request ?? { config: {}, options: {} }) as {
    config: { StopSignal?: string | null };
    options: { stopSignal?: string; stopTimeout?: number };
  };
  const chosen = signal ?? signalOf(options.stopSignal || config.StopSignal || 'SIGTERM');
  const seconds = timeout ?? options.stopTimeout ?? 10;
  await ask(
    root,
    record,
    async (client) =>
      void (await client.request({ do: 'stop', signal: chosen, timeoutMs: seconds < 0 ? -1 : seconds * 1000 })),
    () => undefined,
  );
}

export async function killContainer(root: string, name: string, signal: number): Promise<void> {
  const record = find(root, name);
  const what = `Cannot kill container: ${name}: `;
  await ask(
    root,
    record,
    async (client) => void (await client.request({ do: 'kill', signal })),
    () => {
      throw notRunning(record, what);
    },
  );
}

export async function pauseContainer(root: string, name: string, paused: boolean): Promise<void> {
  const record = find(root, name);
  await ask(
    root,
    record,
    async (client) => void (await client.request({ do: paused ? 'pause' : 'unpause' })),
    () => {
      throw paused ? notRunning(record) : new KnownError('E_CONFLICT', `Container ${record.id} is not paused`);
    },
  );
}

/** The exit status, once it has ended and is not started again. */
export async function waitForContainer(root: string, name: string): Promise<number> {
  const record = find(root, name);
  return await ask(
    root,
    record,
    async (client) => (await client.request({ do: 'wait' })).exitCode ?? 0,
    (latest) => {
      if (latest === undefined) throw new KnownError('E_NO_CONTAINER', `No such container: ${printable(name, 200)}`);
      return latest.exitCode ?? 0;
    },
  );
}

export async function renameContainer(root: string, name: string, to: string): Promise<void> {
  const record = find(root, name);
  const wanted = checkName(to.startsWith('/') ? to.slice(1) : to);
  claimName(root, wanted, record.id);
  try {
    await ask(
      root,
      record,
      async (client) => void (await client.request({ do: 'rename', name: wanted })),
      () => changeAtRest(root, record.id, { name: wanted }),
    );
  } catch (error) {
    releaseName(root, wanted, record.id);
    throw error;
  }
  releaseName(root, record.name, record.id);
}

/**
 * @param force ends it first
 * @param volumes removes also the volumes that nobody gave a name, as far as no other container uses them
 */
export async function destroyContainer(root: string, name: string, force: boolean, volumes = false): Promise<void> {
  const record = find(root, name);
  const { live } = containerFiles(root, record.id);
  if (force) await endByForce(root, record);
  // Its supervisor may still be on its way out, or removing it.
  const ends = force || record.state === 'exited';
  using lock = ends ? await acquireWithin(live, PATIENCE_MS) : tryAcquire(live, 'exclusive');
  if (lock === undefined)
    throw new KnownError(
      'E_CONFLICT',
      `You cannot remove a ${record.state === 'paused' ? 'paused' : 'running'} container ${record.id}. Stop the container before attempting removal or force remove`,
    );
  // With --rm it may have removed itself by now.
  const latest = readRecord(root, record.id);
  if (latest === undefined) return;
  removeContainer(root, latest, !volumes);
  recordEvent(root, latest, 'destroy');
  await releaseImageLayers(root, latest);
}

/** Its supervisor has some farewells to say. */
async function acquireWithin(path: string, patienceMs: number): Promise<HeldLock | undefined> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await delay(5)) {
    const lock = tryAcquire(path, 'exclusive');
    if (lock !== undefined) return lock;
  }
  return undefined;
}

async function endByForce(root: string, record: ContainerRecord): Promise<void> {
  const kill = 9;
  await ask(
    root,
    record,
    async (client) => void (await client.request({ do: 'stop', signal: kill, timeoutMs: 1000 })),
    () => undefined,
  );
}

/** Changes the record of a container that nobody stands by. */
export function changeAtRest(root: string, id: string, change: Partial<ContainerRecord>): void {
  using lock = tryAcquire(containerFiles(root, id).live, 'exclusive');
  if (lock === undefined) throw new KnownError('E_CONFLICT', `the container ${id} is being started: try again`);
  const record = readRecord(root, id);
  if (record !== undefined) {
    const changed = { ...record, ...change };
    writeRecord(root, changed);
    if (changed.name !== record.name) recordEvent(root, changed, 'rename', { oldName: `/${record.name}` });
  }
  removeLockFile(containerFiles(root, id).live);
}
