/** Streams of a process whose other ends are in this program: output goes to a sink, and input comes whenever there is some. */
import { closeSync, createWriteStream, openSync, read, type WriteStream } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isErrno } from '../../../store/errors.js';
import { makePipe } from '../../../store/linux/anonymous-file.js';
import type { WindowSize } from '../../containers/control/protocol.js';
import { openPty, setWindowSize } from '../tty/pty.js';
import { openSocket, type StandardStreams } from './standard-streams.js';

export interface AttachableStreams extends StandardStreams {
  /** Settles when the container has room for more. */
  input(chunk: Buffer): Promise<void>;
  endInput(): void;
  resize(size: WindowSize): void;
  /** Gives up what a container that was not started did not take. */
  close(): void;
}

/** Takes output; a promise makes the container wait, as long as it lives. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void;

const readAsync = promisify(read);
const READ_BYTES = 64 * 1024;
/** How long outputs are read that somebody else still holds after the end of the container; dockerd waits as long. */
const PATIENCE_MS = 2000;
const UNKNOWN_SIZE: WindowSize = { rows: 24, columns: 80 };

/** @param interactive whether input stays open though nobody is attached */
export function pipeStreams(interactive: boolean, sink: OutputSink): AttachableStreams {
  const input = interactive ? makePipe() : { read: openSync('/dev/null', 'r+'), write: undefined };
  const [out, err] = [makePipe(), makePipe()];
  let unused = [input.read, out.read, out.write, err.read, err.write];
  if (input.write !== undefined) unused.push(input.write);
  let writer: Socket | undefined;
  let readers: Socket[] = [];
  let copies: Promise<void>[] = [];
  const over = createSignal();
  return {
    stdio: [input.read, out.write, err.write],
    started() {
      unused = [];
      for (const fd of [input.read, out.write, err.write]) closeSync(fd);
      if (input.write !== undefined) {
        const pipe = openSocket({ fd: input.write, readable: false, writable: true });
        // The command may end, or close its input, before others stop sending.
        pipe.on('error', () => pipe.destroy());
        writer = pipe;
      }
      readers = [out.read, err.read].map((fd) => openSocket({ fd, readable: true, writable: false }));
      const [fromOut, fromErr] = readers;
      if (fromOut && fromErr) copies = [copy(fromOut, 'stdout', sink, over), copy(fromErr, 'stderr', sink, over)];
    },
    async finished() {
      over.give();
      const late = setTimeout(() => readers.map((pipe) => pipe.destroy()), PATIENCE_MS);
      await Promise.all(copies);
      clearTimeout(late);
      writer?.destroy();
    },
    async input(chunk) {
      if (writer?.writable === true && !writer.write(Buffer.from(chunk))) await hasRoom(writer);
    },
    endInput: () => void writer?.end(),
    resize: () => undefined,
    close() {
      for (const fd of unused) closeSync(fd);
      unused = [];
    },
  };
}

async function copy(pipe: Socket, stream: 'stdout' | 'stderr', sink: OutputSink, over: Signal): Promise<void> {
  try {
    for await (const chunk of pipe as AsyncIterable<Buffer>) await Promise.race([sink(stream, chunk), over.given]);
  } catch (error) {
    // Node's word for a stream that was destroyed under the loop.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

interface Signal {
  give(): void;
  given: Promise<void>;
}

function createSignal(): Signal {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { give, given };
}

/** Settles also when nobody will take any more. */
function hasRoom(stream: Socket | WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', () => resolve());
    stream.once('close', () => resolve());
  });
}

/** Both outputs are one, and input is always taken: that is what a terminal is. */
export function ptyStreams(sink: OutputSink, size: WindowSize = UNKNOWN_SIZE): AttachableStreams {
  const pty = openPty(size);
  const shared = [pty.slave, ...(pty.devpts === undefined ? [] : [pty.devpts])];
  let unused = [pty.master, ...shared];
  let input: WriteStream | undefined;
  let output: Promise<void> = Promise.resolve();
  const over = createSignal();
  return {
    pty,
    stdio: [pty.slave, pty.slave, pty.slave],
    started() {
      unused = [];
      for (const fd of shared) closeSync(fd);
      // Its end closes the descriptor.
      input = createWriteStream('', { fd: pty.master });
      input.on('error', rethrowUnlessGone);
      output = copyTerminal(pty.master, sink, over);
    },
    async finished() {
      over.give();
      await Promise.race([output, delay(PATIENCE_MS, undefined, { ref: false })]);
      input?.destroy();
      input = undefined;
    },
    async input(chunk) {
      if (input?.writable === true && !input.write(Buffer.from(chunk))) await hasRoom(input);
    },
    endInput: () => undefined,
    resize(size) {
      if (input !== undefined) setWindowSize(pty.master, size);
    },
    close() {
      for (const fd of unused) closeSync(fd);
      unused = [];
    },
  };
}

/** Read in the thread pool, because libuv takes a hang-up after a short read for the end of a terminal. */
async function copyTerminal(master: number, sink: OutputSink, over: Signal): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await readAsync(master, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      await Promise.race([sink('stdout', buffer.subarray(0, bytesRead)), over.given]);
    }
  } catch (error) {
    rethrowUnlessGone(error);
  }
}

/** The kernel says EIO when the other side is gone. */
function rethrowUnlessGone(error: unknown): void {
  if (!isErrno(error, 'EIO')) throw error;
}
