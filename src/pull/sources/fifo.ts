/** Reading a named pipe so that it can be given up: opening one waits for a writer, in a thread that nothing can interrupt. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../../store/errors.js';

const POLL_MS = 20;

/** All that comes until the last writer closes the pipe; waits for the first one. @throws the reason of `signal` */
export async function* readFifo(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let first: Buffer | undefined;
  try {
    first = await firstBytes(fd, signal);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  // Owns the descriptor from here on.
  const rest = addAbortSignal(signal, new Socket({ fd, readable: true, writable: false }));
  try {
    if (first.length > 0) yield first;
    yield* rest as AsyncIterable<Buffer>;
  } finally {
    rest.destroy();
  }
}

/** Empty when a writer is there that has not written yet. An end is none before somebody was there. */
async function firstBytes(fd: number, signal: AbortSignal): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (;;) {
    try {
      const got = readSync(fd, buffer);
      if (got > 0) return buffer.subarray(0, got);
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error;
      return buffer.subarray(0, 0);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
