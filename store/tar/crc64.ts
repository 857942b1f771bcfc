import { openLibrary } from '../linux/libc.js';

type NativeCrc = (initial: bigint, bytes: Uint8Array, length: number) => number | bigint;

/** Below this the call into the library costs more than it saves. */
const NATIVE_BYTES = 2048;

let native: NativeCrc | undefined | null = null;

/** ISA-L's function for the same checksum, eight times as fast, where the machine has it and it agrees. */
function nativeCrc(): NativeCrc | undefined {
  if (native === null) {
    native = openLibrary('libisal.so.2')?.func('uint64_t crc64_iso_refl(uint64_t, const void *, uint64_t)') as
      | NativeCrc
      | undefined;
    const expected = 0xb90956c775a41001n;
    if (native !== undefined && BigInt(native(0n, Buffer.from('123456789'), 9)) !== expected) native = undefined;
  }
  return native;
}

/**
 * CRC-64/GO-ISO as Go's hash/crc64 computes it with its ISO table: reflected, polynomial 0xd800000000000000, initial value and final
 * xor all ones. tar-split stores it for each file.
 *
 * Modulo the polynomial x^64 = x^4 + x^3 + x + 1, so eight input bytes fold in with a few shifts and no table.
 */
export class Crc64 {
  /** The running value, inverted: two halves. */
  #low = -1;
  #high = -1;

  reset(): void {
    this.#low = -1;
    this.#high = -1;
  }

  update(buffer: Buffer, start: number, end: number): void {
    const native = end - start >= NATIVE_BYTES ? nativeCrc() : undefined;
    if (native === undefined) {
      this.#fold(buffer, start, end);
      return;
    }
    const before = (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0);
    const after = BigInt(native(before, start === 0 ? buffer : buffer.subarray(start, end), end - start));
    this.#low = ~Number(after & 0xffffffffn);
    this.#high = ~Number(after >> 32n);
  }

  #fold(buffer: Buffer, start: number, end: number): void {
    let low = this.#low;
    let high = this.#high;
    let at = start;
    if (((buffer.byteOffset + start) & 3) === 0) {
      const words = new Int32Array(buffer.buffer, buffer.byteOffset + start, (end - start) >> 2);
      const pairs = words.length & ~1;
      for (let i = 0; i < pairs; i += 2) {
        low ^= words[i] as number;
        high ^= words[i + 1] as number;
        high ^= (low << 31) ^ (low << 29) ^ (low << 28);
        low ^= ((low >>> 1) | (high << 31)) ^ ((low >>> 3) | (high << 29)) ^ ((low >>> 4) | (high << 28));
        high ^= (high >>> 1) ^ (high >>> 3) ^ (high >>> 4);
      }
      at += pairs * 4;
    }
    for (; at < end; at++) {
      low ^= buffer[at] as number;
      for (let bit = 0; bit < 8; bit++) {
        const odd = low & 1;
        low = (low >>> 1) | (high << 31);
        high = (high >>> 1) ^ (odd ? 0xd8000000 : 0);
      }
    }
    this.#low = low;
    this.#high = high;
  }

  /** The 8 bytes, big-endian, as base64: the form in tar-split. */
  base64(): string {
    const out = Buffer.allocUnsafe(8);
    out.writeInt32BE(~this.#high, 0);
    out.writeInt32BE(~this.#low, 4);
    return out.toString('base64');
  }
}
