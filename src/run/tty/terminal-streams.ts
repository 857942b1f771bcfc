/** Connects a container's pseudo-terminal with the caller's streams. */
import { once } from 'node:events';
import { closeSync, createWriteStream, read } from 'node:fs';
import { promisify } from 'node:util';
import { isErrno } from '../../../store/errors.js';
import type { StandardStreams } from '../start/standard-streams.js';
import { type Pty, setWindowSize, type WindowSize } from './pty.js';
import { enterRawMode } from './raw-mode.js';

const readAsync = promisify(read);
/** More than the kernel hands out at once. */
const READ_BYTES = 64 * 1024;

export interface TerminalStreams extends StandardStreams {
  pty: Pty;
}

/** What a terminal has when nobody says: programs that divide by the width live longer. */
const UNKNOWN_SIZE: WindowSize = { rows: 24, columns: 80 };

export interface TerminalWish {
  /** Whether what is typed goes to the container. */
  interactive: boolean;
  open: (size: WindowSize) => Pty;
  /** What of it does; default all. */
  filter?: (typed: Buffer) => Buffer;
}

export function terminalStreams({ interactive, open, filter = (typed) => typed }: TerminalWish): TerminalStreams {
  const pty = open(windowSize() ?? UNKNOWN_SIZE);
  let ended: Promise<void> = Promise.resolve();
  let restore: () => void = () => {};
  const onResize = (): void => {
    const size = windowSize();
    if (size !== undefined) setWindowSize(pty.master, size);
  };
  return {
    pty,
    stdio: [pty.slave, pty.slave, pty.slave],
    started() {
      closeSync(pty.slave);
      if (pty.devpts !== undefined) closeSync(pty.devpts);
      if (interactive && process.stdin.isTTY) restore = enterRawMode(0);
      process.on('SIGWINCH', onResize);
      onResize();
      ended = connect(pty.master, interactive ? filter : undefined);
    },
    async finished() {
      await ended;
      process.off('SIGWINCH', onResize);
      restore();
      if (interactive) process.stdin.pause();
    },
  };
}

function windowSize(): WindowSize | undefined {
  const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
  if (terminal === undefined) return undefined;
  const [columns, rows] = terminal.getWindowSize();
  return columns > 0 && rows > 0 ? { rows, columns } : undefined;
}

/** Settles when the last holder of the other side closed it and all that was written there is copied. */
async function connect(master: number, filter: TerminalWish['filter']): Promise<void> {
  // Its end closes the descriptor, after a write that is under way.
  const input = filter === undefined ? undefined : createWriteStream('', { fd: master });
  input?.on('error', rethrowUnlessGone);
  const type = (bytes: Buffer): void => {
    if (input?.destroyed === false) input.write(filter?.(bytes) ?? bytes);
  };
  if (input !== undefined) process.stdin.on('data', type);
  try {
    await copyOutput(master);
  } finally {
    if (input === undefined) closeSync(master);
    else {
      process.stdin.off('data', type);
      input.destroy();
    }
  }
}

/**
 * Reads in the thread pool. A tty.ReadStream would lose the end of the output: libuv takes a hang-up after a short read for the
 * end of the stream, and every read of a terminal is short (at most 4095 bytes).
 */
async function copyOutput(master: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await readAsync(master, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      if (!process.stdout.write(Buffer.from(buffer.subarray(0, bytesRead)))) await once(process.stdout, 'drain');
    }
  } catch (error) {
    rethrowUnlessGone(error);
  }
}

/** The kernel says EIO when the other side is gone. */
function rethrowUnlessGone(error: unknown): void {
  if (!isErrno(error, 'EIO')) throw error;
}
