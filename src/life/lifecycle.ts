/** What can be done with a container that exists: each function finds it by name or id, and settles when it is done. */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { type HeldLock, tryAcquire } from '../../store/fs/lock.js';
import { printable } from '../../store/printable.js';
import { containerFiles } from '../containers/container-files.js';
import { checkName, claimName, releaseName } from '../containers/container-name.js';
import { type ContainerRecord, readRecord } from '../containers/container-record.js';
import { type ControlClient, controlClient } from '../containers/control/control-client.js';
import type { WindowSize } from '../containers/control/protocol.js';
import { recordEvent } from '../containers/events/journal.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { ownStopSignal } from '../containers/signals.js';
import { type IdleSupervisor, spawnSupervisor } from '../supervisor/spawn-supervisor.js';
import { ask, changeAtRest, connect, find, type OnOutput } from './ask.js';
import { signalForeground, stopForeground, waitForForeground } from './foreground.js';

/** For a supervisor to end once its container has. */
const PATIENCE_MS = 5000;

export interface Attachment {
  client: ControlClient;
  tty: boolean;
}

export interface StartOptions {
  /** Takes the output from the first byte on. */
  attach?: OnOutput;
  /** One that was started ahead. */
  supervisor?: IdleSupervisor;
  /** Of its terminal from the first moment on. */
  size?: WindowSize;
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
  { attach, supervisor, size }: StartOptions = {},
): Promise<Attachment | undefined> {
  const { id } = find(root, name);
  const running = await connect(root, id, attach);
  if (running !== undefined) return await attachOr(running, attach);
  const { socket, attend } = supervisor ?? spawnSupervisor();
  attend(root, id);
  const client = controlClient(socket, attach);
  try {
    const attachment = attach === undefined ? undefined : await attachTo(client);
    if (size !== undefined) client.resize(size);
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

const notRunning = (record: ContainerRecord, what = ''): KnownError =>
  new KnownError('E_CONFLICT', `${what}Container ${record.id} is not running`);

export interface StopOptions {
  /** Number; default the container's own, SIGTERM if it has none. */
  signal?: number;
  /** Seconds until SIGKILL; -1 for never. Default the container's own, 10 if it has none. */
  timeout?: number;
  /** Whether policies leave it alone until somebody starts it; default true. */
  forGood?: boolean;
}

/** Ends it; one that does not run is left as it is. */
export async function stopContainer(
  root: string,
  name: string,
  { signal, timeout, forGood = true }: StopOptions,
): Promise<void> {
  const record = find(root, name);
  const options = (record.request?.options ?? {}) as { stopTimeout?: number };
  const chosen = signal ?? ownStopSignal(record) ?? constants.signals.SIGTERM;
  const seconds = timeout ?? options.stopTimeout ?? 10;
  await ask(
    root,
    record,
    async (client) =>
      void (await client.request({
        do: 'stop',
        signal: chosen,
        timeoutMs: seconds < 0 ? -1 : seconds * 1000,
        forGood,
      })),
    () => undefined,
    (running) => stopForeground(root, running, chosen, seconds),
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
    async (running) => signalForeground(root, running, signal),
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
    (running) => waitForForeground(root, running),
  );
}

export async function renameContainer(root: string, name: string, to: string): Promise<void> {
  const record = find(root, name);
  const wanted = to.startsWith('/') ? to.slice(1) : to;
  if (wanted === record.name)
    throw new KnownError('E_CONFLICT', 'Renaming a container with the same name as its current name');
  allocateName(root, wanted, record.id);
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

function allocateName(root: string, name: string, id: string): void {
  try {
    claimName(root, checkName(name), id);
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    const { code, message, hint } = error;
    const text = `Error when allocating new name: ${message.replace('container name (', 'container name (/')}`;
    throw new KnownError(code, text, hint === undefined ? {} : { hint });
  }
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
      `You cannot remove a ${record.state === 'paused' ? 'paused' : 'running'} container ${record.id}. ${record.state === 'paused' ? 'Unpause and then stop' : 'Stop'} the container before attempting removal or force remove`,
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
    async (client) => void (await client.request({ do: 'stop', signal: kill, timeoutMs: 1000, forGood: true })),
    () => undefined,
    (running) => stopForeground(root, running, kill, 1),
  );
}
