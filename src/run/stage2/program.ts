/**
 * A program is a list of system calls with all their operands laid out in memory, performed by the interpreter
 * (x86-64.S, arm64.S) one after the other. This is its assembler.
 *
 *   DATA_ADDRESS  header      64 bytes: report descriptor, number of operations, then room for the failure report
 *                 operations  64 bytes each: number, six arguments, control word
 *                 operands    strings, structures, and slots that take results
 *
 * An operation that fails ends the process with status 125 after 16 bytes (index, result) went to the report
 * descriptor, unless it says otherwise. Results go to slots; an argument can be the value of a slot.
 */
import { cstring } from '../../../store/linux/libc.js';
import { type Call, callNumber } from './calls.js';
import type { Architecture } from './code.js';

export const DATA_ADDRESS = 0x10001000;
const HEADER_SIZE = 64;
const OPERATION_SIZE = 64;

/** Eight bytes of the program's memory: a result is stored there, or a value loaded from there. */
export interface Slot {
  address: number;
}

/** A number, the address of something laid out, a NUL-terminated string, or what a slot holds at that moment. */
export type Argument = number | bigint | string | Slot;

/** A place to jump to; {@link Program.mark} puts it in front of the next operation. */
export interface Label {
  at: number | undefined;
}

export interface OperationOptions {
  /** Where the result goes. */
  save?: Slot;
  /** Go on after an error. */
  ignore?: boolean;
  onError?: Label;
  onZero?: Label;
  /** When the result is neither an error nor 0. */
  onPositive?: Label;
}

/** What an operation is for, to explain a failure: `mount`, `proc on /proc`. */
export interface OperationName {
  call: string;
  operands: string;
}

interface Operation {
  number: number;
  args: Argument[];
  options: OperationOptions;
  name: OperationName;
}

const EXIT_AS_WAITED = -1;
const SUBTRACT = -2;
const FAIL = -3;

export class Program {
  readonly architecture: Architecture;
  readonly #operations: Operation[] = [];
  readonly #strings = new Map<string, number>();
  /** Operands, addressed from the end of the operations; {@link image} fixes where that is. */
  #operands = Buffer.alloc(16384);
  #used = 0;
  readonly #base: number;
  readonly #capacity: number;

  /** @param capacity the largest number of operations */
  constructor(architecture: Architecture, capacity = 512) {
    this.architecture = architecture;
    this.#capacity = capacity;
    this.#base = DATA_ADDRESS + HEADER_SIZE + OPERATION_SIZE * capacity;
  }

  /** Lays out bytes and returns their address. */
  bytes(content: Uint8Array, alignment = 8): number {
    const start = Math.ceil(this.#used / alignment) * alignment;
    this.#used = start + content.length;
    if (this.#used > this.#operands.length)
      this.#operands = Buffer.concat([this.#operands], Math.max(this.#used, 2 * this.#operands.length));
    this.#operands.set(content, start);
    return this.#base + start;
  }

  /** Lays out a NUL-terminated string; equal strings share their bytes. */
  text(text: string): number {
    let address = this.#strings.get(text);
    if (address === undefined) {
      address = this.bytes(cstring(text), 1);
      this.#strings.set(text, address);
    }
    return address;
  }

  /** Lays out a NULL-terminated vector of strings, as execve(2) wants it. */
  texts(list: readonly string[]): number {
    const vector = Buffer.alloc(8 * (list.length + 1));
    for (const [index, item] of list.entries()) vector.writeBigUInt64LE(BigInt(this.text(item)), 8 * index);
    return this.bytes(vector);
  }

  slot(initial = 0n): Slot {
    const value = Buffer.alloc(8);
    value.writeBigInt64LE(initial);
    return { address: this.bytes(value) };
  }

  label(): Label {
    return { at: undefined };
  }

  mark(label: Label): void {
    label.at = this.#operations.length;
  }

  call(name: Call, args: Argument[], operands = '', options: OperationOptions = {}): void {
    const number = callNumber(name, this.architecture);
    this.#operations.push({ number, args, options, name: { call: name, operands } });
  }

  /** Jumps to `target` when both values are equal. */
  jumpIfEqual(left: Argument, right: Argument, target: Label): void {
    const options = { ignore: true, onZero: target };
    this.#operations.push({ number: SUBTRACT, args: [left, right], options, name: { call: '', operands: '' } });
  }

  /** Takes one off the slot and jumps to `target` until nothing is left. */
  jumpWhileCounting(counter: Slot, target: Label): void {
    const options = { save: counter, onPositive: target, ignore: true };
    this.#operations.push({ number: SUBTRACT, args: [counter, 1], options, name: { call: '', operands: '' } });
  }

  jump(target: Label): void {
    this.jumpIfEqual(0, 0, target);
  }

  /** Ends the process with the status that wait4(2) stored: the exit status, or 128 plus the signal. */
  exitAsWaited(status: Slot): void {
    this.#operations.push({ number: EXIT_AS_WAITED, args: [status], options: {}, name: { call: '', operands: '' } });
  }

  /** Reports a failure with the result (a negative errno) that a slot holds. */
  fail(result: Slot, name: OperationName): void {
    this.#operations.push({ number: FAIL, args: [result], options: {}, name });
  }

  /** What the operation with this index was for. */
  nameOf(index: number): OperationName | undefined {
    return this.#operations[index]?.name;
  }

  /** The memory of the program, to be loaded at {@link DATA_ADDRESS}. Failures go to the descriptor `report`. */
  image(report: number): Buffer {
    const count = this.#operations.length;
    if (count > this.#capacity) throw new RangeError(`a program of ${count} operations does not fit`);
    const words = new Int32Array((this.#base - DATA_ADDRESS) / 4);
    writeWord(words, 0, report);
    writeWord(words, 8, count);
    for (const [index, operation] of this.#operations.entries()) {
      const at = HEADER_SIZE + OPERATION_SIZE * index;
      writeWord(words, at, operation.number);
      for (const [position, arg] of operation.args.entries())
        writeWord(words, at + 8 + 8 * position, this.#resolve(arg));
      const { flags, distance, target } = controlOf(operation, index);
      words[(at + 56) / 4] = (distance << 16) | flags;
      words[(at + 60) / 4] = target;
    }
    // Strings among the arguments have been laid out by now.
    return Buffer.concat([Buffer.from(words.buffer), this.#operands.subarray(0, this.#used)]);
  }

  #resolve(argument: Argument): number | bigint {
    if (typeof argument === 'string') return this.text(argument);
    return typeof argument === 'object' ? argument.address : argument;
  }
}

/** Stores 64 bits at a multiple of 8 bytes. Halves are stored, because BigInts cost the start of a container milliseconds. */
function writeWord(words: Int32Array, at: number, value: number | bigint): void {
  const isBig = typeof value === 'bigint';
  words[at / 4] = isBig ? Number(BigInt.asIntN(32, value)) : value | 0;
  words[at / 4 + 1] = isBig ? Number(BigInt.asIntN(32, value >> 32n)) : Math.floor(value / 2 ** 32);
}

/** The parts of the last word of an operation, whose bits x86-64.S lists. */
function controlOf({ args, options }: Operation, index: number): { flags: number; distance: number; target: number } {
  let flags = options.ignore ? 1 : 0;
  let distance = 0;
  const jumps = [options.onError, options.onZero, options.onPositive];
  for (const [bit, label] of jumps.entries()) {
    if (label === undefined) continue;
    if (label.at === undefined) throw new Error('a jump to a label that was never marked');
    const wanted = label.at - index - 1;
    if (distance !== 0 && distance !== wanted) throw new Error('one operation can only jump to one place');
    distance = wanted;
    flags |= 2 << bit;
  }
  for (const [position, argument] of args.entries()) if (typeof argument === 'object') flags |= 16 << position;
  const target = options.save === undefined ? 0 : options.save.address - DATA_ADDRESS;
  return { flags, distance, target };
}
