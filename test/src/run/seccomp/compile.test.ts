import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arm64Calls } from '../../../../src/run/seccomp/calls-arm64.js';
import { i386Calls } from '../../../../src/run/seccomp/calls-i386.js';
import { x8664Calls } from '../../../../src/run/seccomp/calls-x86-64.js';
import { containerFilter, PRECOMPILED_CAPABILITIES } from '../../../../src/run/seccomp/container-filter.js';
import { defaultProfile } from '../../../../src/run/seccomp/default-profile.js';
import { seccompFilter } from '../../../../src/run/seccomp/filter.js';
import { type ArgumentTest, applicableRules, type Comparison } from '../../../../src/run/seccomp/profile.js';
import { hasCapability } from '../../../../src/run/spec/capabilities.js';
import { KnownError } from '../../../../store/errors.js';
import { callData, runFilter } from './bpf-machine.js';

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050000 | 38;
const X86_64 = 0xc000003e;

const defaults = (name: string): boolean => hasCapability(PRECOMPILED_CAPABILITIES, name);
const filter = seccompFilter(undefined, 'x64', defaults);
const ask = (number: number, ...args: bigint[]): number => runFilter(filter, callData(X86_64, number, args));

function numbersOf(calls: typeof x8664Calls): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const [first, names] of calls)
    for (const [index, name] of names.trim().split(/\s+/).entries()) if (name !== '-') numbers.set(name, first + index);
  return numbers;
}
const numbers = numbersOf(x8664Calls);
const nr = (name: string): number => numbers.get(name) ?? assert.fail(name);

test('the tables agree with known numbers', () => {
  for (const [name, x64, arm64, i386] of [
    ['read', 0, 63, 3],
    ['execve', 59, 221, 11],
    ['clone', 56, 220, 120],
    ['openat2', 437, 437, 437],
    ['fchmodat2', 452, 452, 452],
  ] as const) {
    assert.equal(numbers.get(name), x64);
    assert.equal(numbersOf(arm64Calls).get(name), arm64);
    assert.equal(numbersOf(i386Calls).get(name), i386);
  }
});

test('the precompiled filters are up to date', async () => {
  for (const architecture of ['x64', 'arm64'] as const) {
    const wish = { profile: undefined, architecture, capabilities: PRECOMPILED_CAPABILITIES };
    assert.deepEqual(await containerFilter(wish), seccompFilter(undefined, architecture, defaults));
  }
});

function holds({ index, op, value, valueTwo = 0 }: ArgumentTest, args: readonly bigint[]): boolean {
  const arg = BigInt.asUintN(64, args[index] ?? 0n);
  const wanted = BigInt(value);
  const outcomes: Record<Comparison, boolean> = {
    SCMP_CMP_EQ: arg === wanted,
    SCMP_CMP_NE: arg !== wanted,
    SCMP_CMP_GT: arg > wanted,
    SCMP_CMP_GE: arg >= wanted,
    SCMP_CMP_LT: arg < wanted,
    SCMP_CMP_LE: arg <= wanted,
    SCMP_CMP_MASKED_EQ: (arg & wanted) === BigInt(valueTwo),
  };
  return outcomes[op];
}

const probes = [
  0n,
  1n,
  2n,
  3n,
  8n,
  11n,
  12n,
  13n,
  16n,
  19n,
  23n,
  38n,
  39n,
  40n,
  45n,
  46n,
  0x20000n,
  0x20008n,
  0xffffffffn,
];
const wide = [...probes, 0x7e020000n, 0x10000n, 0x02000000n, 0x100000000n, 0x100000008n, 0x1_7e020000n, -1n];

test('the filter decides like the profile read rule by rule, for every call and argument probed', () => {
  const about = { capabilities: defaults, architecture: 'amd64', kernel: '6.1.0' } as const;
  const rules = applicableRules(defaultProfile(), about);
  let cases = 0;
  for (const [name, number] of numbers)
    for (const value of wide) {
      const rule = rules.find(
        ({ names, args }) => names.includes(name) && (args ?? []).every((test) => holds(test, [value])),
      );
      const expected =
        rule === undefined ? EPERM : rule.action === 'SCMP_ACT_ALLOW' ? ALLOW : 0x00050000 | (rule.errnoRet ?? 1);
      assert.equal(ask(number, value), expected, `${name}(${value})`);
      cases++;
    }
  assert.ok(cases > 9000);
});

test('what containers must not do', () => {
  for (const name of ['mount', 'unshare', 'setns', 'bpf', 'keyctl', 'io_uring_setup', 'userfaultfd', 'perf_event_open'])
    assert.equal(ask(nr(name)), EPERM, name);
  assert.equal(ask(nr('clone3')), ENOSYS);
  assert.equal(ask(nr('socket'), 38n), EPERM, 'AF_ALG');
  assert.equal(ask(nr('socket'), 40n), EPERM, 'AF_VSOCK');
  assert.equal(ask(nr('clone'), 0x10000000n), EPERM, 'CLONE_NEWUSER');
  assert.equal(ask(nr('clone'), 0x10000000n | 0x100000000n), EPERM, 'CLONE_NEWUSER among higher bits');
  assert.equal(ask(nr('clone'), 17n), ALLOW);
  assert.equal(ask(nr('personality'), 0x100000000n), EPERM, 'the upper half counts');
});

test('unknown calls, the x32 ABI and foreign architectures', () => {
  assert.equal(ask(600), ENOSYS);
  assert.equal(ask(0x40000000), ENOSYS);
  assert.equal(ask(0xffffffff), ENOSYS);
  assert.equal(runFilter(filter, callData(0xc00000b7, 0, [])), 0x80000000);
  assert.equal(runFilter(filter, callData(0x40000003, 3, [])), ALLOW, 'read of a 32-bit program');
  assert.equal(runFilter(filter, callData(0x40000003, 21, [])), EPERM, 'mount of a 32-bit program');
});

test('capabilities open groups of calls', () => {
  const all = seccompFilter(undefined, 'x64', () => true);
  for (const name of ['mount', 'bpf', 'clone3', 'reboot'])
    assert.equal(runFilter(all, callData(X86_64, nr(name), [])), ALLOW);
});

const comparisons: Comparison[] = [
  'SCMP_CMP_EQ',
  'SCMP_CMP_NE',
  'SCMP_CMP_GT',
  'SCMP_CMP_GE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_MASKED_EQ',
];

test('every comparison, on both halves of the argument, alone and in pairs', () => {
  for (const op of comparisons)
    for (const value of [0, 1, 0xffffffff, 0x100000000, 0x123456789]) {
      const args: ArgumentTest[] = [
        { index: 0, op, value, valueTwo: value },
        { index: 1, op: 'SCMP_CMP_NE', value: 5 },
      ];
      const profile = JSON.stringify({
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ALLOW', args }],
      });
      const compiled = seccompFilter(profile, 'x64', defaults);
      for (const first of [...wide, 0x123456789n, 0x123456788n, 0x12345678an])
        for (const second of [4n, 5n, 0x100000005n]) {
          const expected = args.every((test) => holds(test, [first, second])) ? ALLOW : EPERM;
          assert.equal(
            runFilter(compiled, callData(X86_64, nr('getpid'), [first, second])),
            expected,
            `${op} ${value} ${first} ${second}`,
          );
        }
    }
});

test('broken profiles are refused, unknown names are not', () => {
  for (const text of [
    '{',
    '[]',
    'null',
    '{"defaultAction":"SCMP_ACT_MAYBE"}',
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ERRNO"}]}',
  ])
    assert.throws(() => seccompFilter(text, 'x64', defaults), KnownError, text);
  const odd = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"nosuchcall","action":"SCMP_ACT_ERRNO"}]}';
  assert.equal(runFilter(seccompFilter(odd, 'x64', defaults), callData(X86_64, 0, [])), ALLOW);
});
