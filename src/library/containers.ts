/** Containers that go on without the program that started them. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { KnownError } from '../../store/errors.js';
import { defaultRoot, openForReading, openForRunning, openForWriting } from '../../store/store.js';
import { makeContainerFolders } from '../containers/container-files.js';
import type { ContainerState, RestartPolicy } from '../containers/container-record.js';
import type { ContainerEvent } from '../containers/events/journal.js';
import { findContainer, listContainers } from '../containers/list-containers.js';
import { signalNumber } from '../containers/signals.js';
import { trueRecord } from '../containers/true-state.js';
import type { OnOutput } from '../life/ask.js';
import { diffContainer } from '../life/files/diff.js';
import {
  type Attachment,
  attachContainer,
  destroyContainer,
  killContainer,
  pauseContainer,
  renameContainer,
  startContainer,
  stopContainer,
  waitForContainer,
} from '../life/lifecycle.js';
import { type ReadEventsOptions, readEvents } from '../life/read-events.js';
import { type LogEntry, type ReadLogsOptions, readLogs } from '../life/read-logs.js';
import { createContainer } from '../run/create-container.js';
import type { RunOptions } from '../run/run-options.js';
import type { FileChange } from '../run/sandbox/changes.js';
import { containerFilesApi } from './container-files.js';
import type { RootOption } from './images.js';
import { type ImageSource, imageFrom } from './run.js';
import { inputStream, writeTo } from './streams.js';

export interface CreateOptions extends RunOptions, ImageSource {
  /** When it is started again after its end. */
  restart?: RestartPolicy;
  onWarning?: (text: string) => void;
}

export interface ContainerInfo {
  id: string;
  name: string;
  image: string;
  command: string[];
  labels: Record<string, string>;
  state: ContainerState;
  /** RFC 3339. */
  created: string;
  /** As the host sees it, while it runs. */
  pid?: number;
  exitCode?: number;
}

/** The streams of a container that runs. Output that is not read makes the container wait. */
export interface AttachedStreams {
  stdin: Writable;
  stdout: Readable;
  /** Empty for one with a terminal. */
  stderr: Readable;
  /** Its exit status; undefined when the connection ended before the container did. */
  ended: Promise<number | undefined>;
  /** Of its terminal. */
  resize(size: { rows: number; columns: number }): void;
  /** Lets go of it; it runs on. */
  detach(): void;
}

export interface SignalOption {
  signal?: AbortSignal;
}

async function inRoot<T>({ root }: RootOption, work: (root: string) => Promise<T>): Promise<T> {
  using store = await openForRunning(root ?? defaultRoot());
  makeContainerFolders(store.root);
  return await work(store.root);
}

const readingRoot = ({ root }: RootOption): string => openForReading(root ?? defaultRoot()).root;

export const containers = {
  ...containerFilesApi,

  /** Makes a container to be started later, and pulls its image where missing. @returns its id */
  async create(image: string, command: readonly string[] = [], options: CreateOptions = {}): Promise<string> {
    const { root: path = defaultRoot(), pull, pullOptions, onWarning, restart, ...runOptions } = options;
    using store = await openForWriting(path);
    const { root } = store;
    const found = await imageFrom(root, image, { ...(pull && { pull }), ...(pullOptions && { pullOptions }) });
    const request = { root, image: found, command, options: runOptions, ...(restart && { restart }) };
    const { record, warnings } = await createContainer(request);
    for (const warning of warnings) onWarning?.(warning);
    return record.id;
  },

  /** Settles once it executes its command. @throws KnownError with `exitCode` 125, 126 or 127 when it cannot */
  start: (name: string, options: RootOption = {}): Promise<void> =>
    inRoot(options, async (root) => void (await startContainer(root, name))),

  /** Starts it with its streams connected from the first byte on. */
  async startAttached(name: string, options: RootOption & SignalOption = {}): Promise<AttachedStreams> {
    return await connected(options, (root, onOutput) => startContainer(root, name, { attach: onOutput }));
  },

  /** Connects with one that runs: what it writes from now on. */
  async attach(name: string, options: RootOption & SignalOption = {}): Promise<AttachedStreams> {
    return await connected(options, (root, onOutput) => attachContainer(root, name, onOutput));
  },

  /** What it wrote. With `follow` until it ends or `signal` fires. */
  logs(name: string, { root, ...options }: RootOption & ReadLogsOptions = {}): AsyncGenerator<LogEntry> {
    const place = readingRoot({ ...(root !== undefined && { root }) });
    return readLogs(place, findContainer(place, name), options);
  },

  /** Its exit status, once it has ended. @throws KnownError E_CANCELLED when `signal` fires before */
  wait: (name: string, { signal, ...options }: RootOption & SignalOption = {}): Promise<number> =>
    inRoot(options, (root) => unlessAborted(waitForContainer(root, name), signal)),

  /** Ends it: its own signal first, SIGKILL after `timeout` seconds. */
  stop: (name: string, { timeout, ...options }: RootOption & { timeout?: number } = {}): Promise<void> =>
    inRoot(options, (root) => stopContainer(root, name, timeout === undefined ? {} : { timeout })),

  /** @param signal `TERM`, `SIGTERM` or `15` */
  kill: (name: string, signal = 'KILL', options: RootOption = {}): Promise<void> =>
    inRoot(options, (root) => killContainer(root, name, signalNumber(signal))),

  pause: (name: string, options: RootOption = {}): Promise<void> =>
    inRoot(options, (root) => pauseContainer(root, name, true)),

  unpause: (name: string, options: RootOption = {}): Promise<void> =>
    inRoot(options, (root) => pauseContainer(root, name, false)),

  rename: (name: string, to: string, options: RootOption = {}): Promise<void> =>
    inRoot(options, (root) => renameContainer(root, name, to)),

  /** @throws KnownError E_CONFLICT for one that runs, unless `force` */
  remove: (
    name: string,
    { force = false, volumes = false, ...options }: RootOption & { force?: boolean; volumes?: boolean } = {},
  ): Promise<void> => inRoot(options, (root) => destroyContainer(root, name, force, volumes)),

  /** All of them, newest first. */
  list(options: RootOption = {}): ContainerInfo[] {
    const root = readingRoot(options);
    return listContainers(root).map((record) => {
      const { id, name, image, command, labels, state, created, pid, exitCode } = trueRecord(root, record);
      const now = { ...(pid !== undefined && { pid }), ...(exitCode !== undefined && { exitCode }) };
      return { id, name, image: image.name, command, labels, state, created, ...now };
    });
  },

  /** What it changed of its image's files. */
  diff: (name: string, options: RootOption = {}): FileChange[] => diffContainer(readingRoot(options), name),

  /** What happens to containers, and with `since` what has happened. Ends at `until` or when `signal` fires. */
  events: ({ root, ...options }: RootOption & ReadEventsOptions = {}): AsyncGenerator<ContainerEvent> =>
    readEvents(readingRoot({ ...(root !== undefined && { root }) }), options),
};

async function connected(
  { signal, ...options }: RootOption & SignalOption,
  connect: (root: string, onOutput: OnOutput) => Promise<Attachment | undefined>,
): Promise<AttachedStreams> {
  signal?.throwIfAborted();
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const attachment = await inRoot(options, (root) => connect(root, (stream, chunk) => writeTo(outputs[stream], chunk)));
  if (attachment === undefined) throw new Error('attached to nothing');
  const { client } = attachment;
  const detach = (): void => client.close();
  signal?.addEventListener('abort', detach);
  const ended = client.ended.finally(() => {
    signal?.removeEventListener('abort', detach);
    for (const stream of Object.values(outputs)) stream.end();
    client.close();
  });
  const stdin = inputStream(client.input, client.endInput);
  return { ...outputs, stdin, ended, resize: client.resize, detach };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(new KnownError('E_CANCELLED', 'the wait for the container was cancelled', { cause: signal.reason }));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
