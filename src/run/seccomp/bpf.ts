/** Instructions of classic BPF as seccomp uses it (linux/filter.h, linux/seccomp.h), composed from the end. */

export interface Instruction {
  code: number;
  /** How many instructions to skip when a test holds, and when it does not; at most 255. */
  ifTrue: number;
  ifFalse: number;
  value: number;
}

const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;

/** Offsets in struct seccomp_data. */
export const NUMBER_OFFSET = 0;
export const ARCHITECTURE_OFFSET = 4;
export const argumentOffset = (index: number): number => 16 + 8 * index;

const plain = (code: number, value: number): Instruction => ({ code, ifTrue: 0, ifFalse: 0, value });
const test = (code: number, value: number, ifTrue: number, ifFalse: number): Instruction => ({
  code,
  ifTrue,
  ifFalse,
  value,
});

export const load = (offset: number): Instruction => plain(LOAD_WORD, offset);
export const and = (mask: number): Instruction => plain(AND, mask);
export const ret = (action: number): Instruction => plain(RETURN, action);
export const ifEqual = (value: number, yes: number, no: number): Instruction => test(JUMP_EQUAL, value, yes, no);
export const ifGreater = (value: number, yes: number, no: number): Instruction => test(JUMP_GREATER, value, yes, no);
export const ifAtLeast = (value: number, yes: number, no: number): Instruction => test(JUMP_AT_LEAST, value, yes, no);

/** `low` for what is loaded below `boundary`, `high` for the rest. */
export function branch(boundary: number, low: Instruction[], high: Instruction[]): Instruction[] {
  if (low.length <= 255) return [ifAtLeast(boundary, low.length, 0), ...low, ...high];
  return [ifAtLeast(boundary, 0, 1), plain(JUMP, low.length), ...low, ...high];
}

/** `then` when what is loaded equals `value`, otherwise `otherwise`. */
export function choose(value: number, then: Instruction[], otherwise: Instruction[]): Instruction[] {
  return [ifEqual(value, 1, 0), plain(JUMP, then.length), ...then, ...otherwise];
}

/** An array of struct sock_filter. */
export function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * instructions.length);
  for (const [index, { code, ifTrue, ifFalse, value }] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(ifTrue, 8 * index + 2);
    bytes.writeUInt8(ifFalse, 8 * index + 3);
    bytes.writeUInt32LE(value >>> 0, 8 * index + 4);
  }
  return bytes;
}
