/**
 * A synchronous streaming (de)compressor over the handle inside Node's zlib objects. Node has no public one: its streams cost
 * a trip to the thread pool per 16 KiB and reach half the speed. The handle has kept this form since Node 8; the test of
 * this file fails where it changes.
 */
import { constants, createGunzip, createGzip } from 'node:zlib';

interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  writeSync(
    flush: number,
    input: Buffer,
    inputAt: number,
    inputLength: number,
    output: Buffer,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
}

/** Shown by the handle after each call: bytes of output space left, bytes of input left. */
type WriteState = Uint32Array & { 0: number; 1: number };

export interface ZlibStep {
  /** Bytes of the input that were taken. */
  read: number;
  /** Bytes written to the output. */
  written: number;
}

export class ZlibSync {
  readonly #stream: { close(): void };
  readonly #handle: Handle;
  readonly #state: WriteState;
  #failure: Error | undefined;

  constructor(direction: 'gunzip' | 'gzip', level = 6) {
    const stream = direction === 'gunzip' ? createGunzip() : createGzip({ level });
    const { _handle: handle, _writeState: state } = stream as unknown as { _handle?: Handle; _writeState?: WriteState };
    if (handle === undefined || state === undefined || typeof handle.writeSync !== 'function')
      throw new Error(`zlib of Node ${process.version} has no synchronous handle`);
    this.#stream = stream;
    this.#handle = handle;
    this.#state = state;
    handle.onerror = (message) => {
      this.#failure = new Error(message);
    };
  }

  /** One step; `finish` says that no input follows (a truncated gzip stream is an error then). */
  step(input: Buffer, inputAt: number, output: Buffer, outputAt: number, finish = false): ZlibStep {
    const available = input.length - inputAt;
    const space = output.length - outputAt;
    this.#handle.writeSync(
      finish ? constants.Z_FINISH : constants.Z_NO_FLUSH,
      input,
      inputAt,
      available,
      output,
      outputAt,
      space,
    );
    if (this.#failure !== undefined) throw this.#failure;
    return { read: available - this.#state[1], written: space - this.#state[0] };
  }

  close(): void {
    this.#stream.close();
  }
}
