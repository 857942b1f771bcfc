/**
 * Device access in cgroup v2: a program of type BPF_PROG_TYPE_CGROUP_DEVICE that the kernel asks at every open and mknod.
 * It gets struct bpf_cgroup_dev_ctx: access and type in the first word, major, minor.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { addressOf, bind, check, cstring } from '../../../store/linux/libc.js';
import type { DeviceRule } from './device-rules.js';

const cBpf = bind('long syscall(long, int, const void *, uint)');
const SYS_bpf = process.arch === 'arm64' ? 280 : 321;
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;

/** Instructions: operation, registers, jump, constant (linux/bpf.h). */
const LOAD_WORD = 0x61;
const MOVE_REGISTER = 0xbc;
const MOVE = 0xb4;
const AND = 0x54;
const SHIFT_RIGHT = 0x74;
const JUMP_NOT_EQUAL = 0x55;
const EXIT = 0x95;

/** BPF_DEVCG_DEV_ and BPF_DEVCG_ACC_ of linux/bpf.h. */
const types = { a: 0, b: 1, c: 2 };
const accessBits: Record<string, number> = { m: 1, r: 2, w: 4 };

interface Instruction {
  code: number;
  to?: number;
  from?: number;
  jump?: number;
  value?: number;
}

/** The program: each rule that fits answers 1, the end answers 0. Registers: 2 type, 3 access, 4 major, 5 minor. */
export function deviceProgram(rules: readonly DeviceRule[]): Buffer {
  const program: Instruction[] = [
    { code: LOAD_WORD, to: 2, from: 1, jump: 0 },
    { code: MOVE_REGISTER, to: 3, from: 2 },
    { code: AND, to: 2, value: 0xffff },
    { code: SHIFT_RIGHT, to: 3, value: 16 },
    { code: LOAD_WORD, to: 4, from: 1, jump: 4 },
    { code: LOAD_WORD, to: 5, from: 1, jump: 8 },
    ...rules.flatMap(ruleCode),
    { code: MOVE, to: 0, value: 0 },
    { code: EXIT },
  ];
  const bytes = Buffer.alloc(8 * program.length);
  for (const [index, { code, to = 0, from = 0, jump = 0, value = 0 }] of program.entries()) {
    bytes.writeUInt8(code, 8 * index);
    bytes.writeUInt8(to | (from << 4), 8 * index + 1);
    bytes.writeInt16LE(jump, 8 * index + 2);
    bytes.writeInt32LE(value, 8 * index + 4);
  }
  return bytes;
}

function ruleCode({ type, major, minor, access }: DeviceRule): Instruction[] {
  const refused = [...'rwm']
    .filter((sign) => !access.includes(sign))
    .reduce((bits, sign) => bits | (accessBits[sign] ?? 0), 0);
  const tests: Instruction[] = [];
  const require = (register: number, value: number | undefined): void => {
    if (value !== undefined) tests.push({ code: JUMP_NOT_EQUAL, to: register, value });
  };
  if (type !== 'a') require(2, types[type]);
  require(4, major);
  require(5, minor);
  if (refused !== 0)
    tests.push(
      { code: MOVE_REGISTER, to: 1, from: 3 },
      { code: AND, to: 1, value: refused },
      { code: JUMP_NOT_EQUAL, to: 1, value: 0 },
    );
  const answer: Instruction[] = [{ code: MOVE, to: 0, value: 1 }, { code: EXIT }];
  const all = [...tests, ...answer];
  // Every test that fails goes to the next rule.
  return all.map((step, index) => (step.code === JUMP_NOT_EQUAL ? { ...step, jump: all.length - index - 1 } : step));
}

/** Attaches the program to a cgroup; it goes with the cgroup. */
export function restrictDevices(folder: string, rules: readonly DeviceRule[]): void {
  const code = deviceProgram(rules);
  const license = cstring('Apache-2.0');
  const attributes = Buffer.alloc(72);
  attributes.writeUInt32LE(BPF_PROG_TYPE_CGROUP_DEVICE, 0);
  attributes.writeUInt32LE(code.length / 8, 4);
  attributes.writeBigUInt64LE(addressOf(code), 8);
  attributes.writeBigUInt64LE(addressOf(license), 16);
  const program = Number(check(Number(cBpf(SYS_bpf, BPF_PROG_LOAD, attributes, 72)), 'bpf', 'BPF_PROG_LOAD'));
  const cgroup = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const attach = Buffer.alloc(16);
    for (const [index, value] of [cgroup, program, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI].entries())
      attach.writeUInt32LE(value, 4 * index);
    check(Number(cBpf(SYS_bpf, BPF_PROG_ATTACH, attach, 16)), 'bpf', `BPF_PROG_ATTACH ${folder}`);
  } finally {
    closeSync(cgroup);
    closeSync(program);
  }
}
