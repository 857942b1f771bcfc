/**
 * The process that stands by one container from its start to its end: `supervisor ROOT ID`, started by whoever starts the
 * container, with its end of a socket pair as descriptor 3. It does nothing until it is told to start.
 *
 * It holds the container's lock (tspull/live/<id>) and the root's against a dockerd. When it is killed, its container dies with
 * it, and the next command sees that the lock is free and puts things right (src/containers/sweep.ts).
 */
import { createServer, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { type HeldLock, removeLockFile, tryAcquire } from '../../store/fs/lock.js';
import { openForRunning } from '../../store/store.js';
import { containerFiles } from '../containers/container-files.js';
import { readRecord } from '../containers/container-record.js';
import { listenForControl } from '../containers/control/control-socket.js';
import { recordEvent } from '../containers/events/journal.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { createControlServer } from './control-server.js';
import { SupervisedContainer } from './supervised-container.js';

/** The descriptor of the first connection. */
const FIRST_CONNECTION = 3;
/** How long those who are connected may take to hear of the end. */
const FAREWELL_MS = 2000;
const PATIENCE_MS = 1000;
const LOOK_MS = 10;

export async function supervise(path: string, id: string): Promise<void> {
  using store = await openForRunning(path);
  const { root } = store;
  const files = containerFiles(root, id);
  const lock = await hold(files.live, id);
  const record = readRecord(root, id);
  if (record?.request === undefined) throw new KnownError('E_NO_CONTAINER', `No such container: ${id}`);
  let running: Promise<number> | undefined;
  let settle: (exitCode: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    settle = resolve;
  });
  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      running ??= container.run(resolve);
      running.then(settle, (error: unknown) => {
        reject(error);
        settle(container.record.exitCode ?? 0);
      });
    });
  const control = createControlServer({ container: () => container, start, ended });
  const container = new SupervisedContainer(root, record, control.output);
  const server = createServer((socket) => control.serve(socket));
  await listenForControl(server, root, id);
  const first = new Socket({ fd: FIRST_CONNECTION, readable: true, writable: true });
  // Whoever started this may be gone before it asked for anything.
  first.on('close', () => running ?? settle(record.exitCode ?? 0));
  control.serve(first);
  const exitCode = await ended;
  server.close();
  await Promise.race([control.finish(exitCode), new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref())]);
  if (record.autoRemove && running !== undefined) {
    removeContainer(root, record);
    recordEvent(root, record, 'destroy');
    await releaseImageLayers(root, record);
  }
  removeLockFile(files.live);
  lock.release();
}

/** Somebody who sweeps may have the lock for a moment; somebody who has it for longer is another supervisor. */
async function hold(path: string, id: string): Promise<HeldLock> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
    const lock = tryAcquire(path, 'exclusive');
    if (lock !== undefined) return lock;
    await delay(LOOK_MS);
  }
  throw new KnownError('E_CONFLICT', `the container ${id} is running already`);
}
