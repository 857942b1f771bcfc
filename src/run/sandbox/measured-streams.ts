/** Outputs of a container that are counted, and kept or handed on; its input is what the caller gives. */
import { closeSync, openSync } from 'node:fs';
import { makePipe } from '../../../store/linux/anonymous-file.js';
import { copyInput, openSocket, type StandardStreams } from '../start/standard-streams.js';

/** Takes a piece of output; a promise makes the container wait. */
export type Sink = (chunk: Buffer) => Promise<void> | undefined;

export interface MeasuredStreamsWish {
  /** What the command reads: bytes, `caller` for what this process reads, or nothing. */
  input: Uint8Array | string | 'caller' | undefined;
  out: Sink;
  err: Sink;
  /** Bytes of both outputs together that are taken; the rest is dropped. */
  limit: number;
  /** Called once, when there was more. */
  onLimit: () => void;
}

export interface MeasuredStreams extends StandardStreams {
  /** Gives back what a container that never started did not take. */
  close(): void;
}

export function measuredStreams(wish: MeasuredStreamsWish): MeasuredStreams {
  const input = wish.input === undefined ? { read: openSync('/dev/null', 'r'), write: undefined } : makePipe();
  const out = makePipe();
  const err = makePipe();
  const take = limited(wish);
  let unused = [input, out, err].flatMap(({ read, write }) => (write === undefined ? [read] : [read, write]));
  let copies: Promise<void>[] = [];
  return {
    stdio: [input.read, out.write, err.write],
    started() {
      unused = [];
      for (const fd of [input.read, out.write, err.write]) closeSync(fd);
      if (input.write !== undefined) feed(input.write, wish.input ?? '');
      copies = [read(out.read, (chunk) => take(wish.out, chunk)), read(err.read, (chunk) => take(wish.err, chunk))];
    },
    async finished() {
      await Promise.all(copies);
      if (wish.input === 'caller') process.stdin.unpipe().pause();
    },
    close() {
      for (const fd of unused) closeSync(fd);
      unused = [];
    },
  };
}

function limited({ limit, onLimit }: MeasuredStreamsWish): (sink: Sink, chunk: Buffer) => Promise<void> | undefined {
  let left = limit;
  return (sink, chunk) => {
    const taken = chunk.subarray(0, Math.max(0, left));
    const isTooMuch = left >= 0 && chunk.length > left;
    left -= chunk.length;
    if (isTooMuch) onLimit();
    return taken.length === 0 ? undefined : sink(taken);
  };
}

function feed(fd: number, input: Uint8Array | string): void {
  if (input === 'caller') {
    copyInput(fd);
    return;
  }
  const pipe = openSocket({ fd, readable: false, writable: true });
  // The command need not read all of it.
  pipe.on('error', () => pipe.destroy());
  pipe.end(input);
}

async function read(fd: number, take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
  const pipe = openSocket({ fd, readable: true, writable: false });
  for await (const chunk of pipe as AsyncIterable<Buffer>) await take(chunk);
}
