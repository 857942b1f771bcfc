/**
 * Inflate of Intel's ISA-L (libisal), three times as fast as zlib: used where the machine has it. Its state is a C struct that
 * is accessed by offset here, so the library is believed only after it has decoded a sample; otherwise zlib does the work.
 */
import { gzipSync } from 'node:zlib';
import { addressOf, openLibrary } from '../linux/libc.js';
import type { ZlibStep } from './zlib-sync.js';

/** struct inflate_state of igzip_lib.h, ISA-L 2.x on 64-bit machines. */
const STATE_BYTES = 87368;
const NEXT_OUT = 0;
const AVAIL_OUT = 8;
const NEXT_IN = 16;
const AVAIL_IN = 32;
const BLOCK_STATE = 21160;
const CRC_FLAG = 21172;

/** ISAL_GZIP: header and trailer are parsed, CRC and length checked. */
const GZIP = 1;
/** ISAL_BLOCK_FINISH of enum isal_block_state. */
const FINISHED = 5;

interface Functions {
  init: (state: Buffer) => void;
  inflate: (state: Buffer) => number;
}

let functions: Functions | undefined | null = null;

export class IsalGunzip {
  readonly #isal: Functions;
  readonly #state = Buffer.alloc(STATE_BYTES);

  constructor(isal: Functions) {
    this.#isal = isal;
    this.#reset();
  }

  /** As {@link ZlibSync.step}: all members of the stream are read; zeros after one end it. */
  step(input: Buffer, inputAt: number, output: Buffer, outputAt: number, finish = false): ZlibStep {
    const state = this.#state;
    const available = input.length - inputAt;
    const space = output.length - outputAt;
    state.writeBigUInt64LE(addressOf(input) + BigInt(inputAt), NEXT_IN);
    state.writeUInt32LE(available, AVAIL_IN);
    state.writeBigUInt64LE(addressOf(output) + BigInt(outputAt), NEXT_OUT);
    state.writeUInt32LE(space, AVAIL_OUT);
    for (;;) {
      const left = state.readUInt32LE(AVAIL_IN);
      if (this.#finished()) {
        if (left === 0 || input[input.length - left] === 0) break;
        this.#reset();
      }
      const before = state.readUInt32LE(AVAIL_OUT);
      const code = this.#isal.inflate(state);
      if (code < 0) throw new Error(`ISA-L error ${code}`);
      if (this.#finished()) continue;
      if (state.readUInt32LE(AVAIL_IN) === 0 || state.readUInt32LE(AVAIL_OUT) === 0) break;
      if (state.readUInt32LE(AVAIL_IN) === left && state.readUInt32LE(AVAIL_OUT) === before)
        throw new Error('no progress');
    }
    if (finish && !this.#finished() && state.readUInt32LE(AVAIL_OUT) > 0) throw new Error('unexpected end of file');
    return { read: available - state.readUInt32LE(AVAIL_IN), written: space - state.readUInt32LE(AVAIL_OUT) };
  }

  close(): void {}

  #finished(): boolean {
    return this.#state.readUInt32LE(BLOCK_STATE) === FINISHED;
  }

  /** Starts a member; where input and output stand is kept. */
  #reset(): void {
    const kept = Buffer.from(this.#state.subarray(0, AVAIL_IN + 4));
    this.#isal.init(this.#state);
    kept.copy(this.#state, NEXT_OUT, NEXT_OUT, AVAIL_OUT + 4);
    kept.copy(this.#state, NEXT_IN, NEXT_IN, NEXT_IN + 8);
    kept.copy(this.#state, AVAIL_IN, AVAIL_IN, AVAIL_IN + 4);
    this.#state.writeUInt32LE(GZIP, CRC_FLAG);
  }
}

/** A decoder where libisal is installed and behaves, else undefined. */
export function isalGunzip(): IsalGunzip | undefined {
  if (functions === null) functions = load();
  return functions === undefined ? undefined : new IsalGunzip(functions);
}

function load(): Functions | undefined {
  if (process.arch !== 'x64' && process.arch !== 'arm64') return undefined;
  const library = openLibrary('libisal.so.2');
  if (library === undefined) return undefined;
  const isal = {
    init: library.func('void isal_inflate_init(void *)') as unknown as Functions['init'],
    inflate: library.func('int isal_inflate(void *)') as unknown as Functions['inflate'],
  };
  return decodesSample(isal) ? isal : undefined;
}

/** Two members in small pieces come out right, and a damaged trailer is noticed. */
function decodesSample(isal: Functions): boolean {
  const plain = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i) >> 5));
  const blob = Buffer.concat([gzipSync(plain.subarray(0, 1400)), gzipSync(plain.subarray(1400))]);
  const damaged = Buffer.from(blob);
  damaged[blob.length - 5] = (damaged[blob.length - 5] ?? 0) ^ 1;
  return decode(isal, blob)?.equals(plain) === true && decode(isal, damaged) === undefined;
}

function decode(isal: Functions, blob: Buffer): Buffer | undefined {
  const decoder = new IsalGunzip(isal);
  const output = Buffer.alloc(4096);
  let filled = 0;
  try {
    for (let at = 0; at < blob.length; at += 177)
      filled += decoder.step(blob.subarray(at, at + 177), 0, output, filled).written;
    filled += decoder.step(Buffer.alloc(0), 0, output, filled, true).written;
    return output.subarray(0, filled);
  } catch (error) {
    if (error instanceof Error && error.name === 'Error') return undefined;
    throw error;
  }
}
