/**
 * The process that stands by one container from its start to its end, started by whoever starts the container, with its end of a
 * socket pair as descriptor 3. The first line there names the container, then frames follow (src/containers/control/). It does
 * nothing until it is told to start.
 *
 * It holds the container's lock (tspull/live/<id>) and the root's against a dockerd. When it is killed, its container dies with
 * it, and the next command sees that the lock is free and puts things right (src/containers/sweep.ts).
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
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
import { saveMemory } from './save-memory.js';
import { SupervisedContainer } from './supervised-container.js';

/** The descriptor of the first connection. */
const FIRST_CONNECTION = 3;
const PATIENCE_MS = 1000;
const LOOK_MS = 10;
const NEWLINE = 0x0a;

export async function supervise(): Promise<void> {
  const first = new Socket({ fd: FIRST_CONNECTION, readable: true, writable: true });
  const wanted = await firstLine(first);
  // Whoever started this had no container for it after all.
  if (wanted === undefined) return;
  const { root, id } = JSON.parse(wanted) as { root: string; id: string };
  process.title = `tspull-supervisor ${id} ${root}`;
  try {
    const farewell = await standBy(root, id, first);
    // It holds nothing any more: whoever reads slowly, or is frozen, is only in the way of this process.
    await farewell();
  } catch (error) {
    const words = `${error instanceof Error ? error.stack : String(error)}\n`;
    writeFileSync(join(containerFiles(root, id).dir, 'supervisor.log'), words, { flag: 'a', mode: 0o600 });
    throw error;
  }
}

/** Without its newline; what follows stays in the socket. Undefined when it is closed before. */
async function firstLine(socket: Socket): Promise<string | undefined> {
  let line = '';
  for (;;) {
    const byte = socket.read(1) as Buffer | null;
    if (byte === null) {
      if (socket.readableEnded || socket.destroyed) return undefined;
      await Promise.race(['readable', 'end', 'close'].map((event) => once(socket, event)));
    } else if (byte[0] === NEWLINE) return line;
    else line += byte.toString('latin1');
  }
}

/** @returns what remains to be done when the container has ended and others may have it */
async function standBy(path: string, id: string, first: Socket): Promise<() => Promise<void>> {
  using store = await openForRunning(path);
  const { root } = store;
  const files = containerFiles(root, id);
  const lock = await hold(files.live, id);
  const record = readRecord(root, id);
  if (record?.request === undefined) throw new KnownError('E_NO_CONTAINER', `No such container: ${id}`);
  let running: Promise<number> | undefined;
  let settle: (exitCode: number | Promise<number>) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    settle = resolve;
  });
  let left: Promise<number> | undefined;
  // Whoever hears of the end may remove the container, or start it again, at once. Done once: afterwards the lock file is that of whoever starts it again.
  const leave = (exitCode: number): Promise<number> => (left ??= leaveWith(exitCode));
  const leaveWith = async (exitCode: number): Promise<number> => {
    server.close();
    if (record.autoRemove && running !== undefined) {
      removeContainer(root, record);
      recordEvent(root, record, 'destroy');
      await releaseImageLayers(root, record);
    }
    removeLockFile(files.live);
    lock.release();
    return exitCode;
  };
  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      if (left !== undefined) throw new KnownError('E_CONFLICT', `the container ${id} has just ended: start it again`);
      running ??= container.run(() => {
        resolve();
        saveMemory();
      });
      running.then(
        (exitCode) => settle(leave(exitCode)),
        (error: unknown) => {
          settle(leave(container.record.exitCode ?? 0));
          reject(error);
        },
      );
    });
  const control = createControlServer({ container: () => container, start, ended });
  const container = new SupervisedContainer(root, record, control.output);
  const server = createServer((socket) => control.serve(socket));
  await listenForControl(server, root, id);
  // Whoever started this may be gone before it asked for anything.
  first.on('close', () => running ?? settle(leave(record.exitCode ?? 0)));
  control.serve(first);
  const exitCode = await ended;
  return () => control.finish(exitCode);
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
