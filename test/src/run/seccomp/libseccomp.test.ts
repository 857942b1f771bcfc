/** Our filters decide as those of libseccomp do, for both architectures, over all calls and many arguments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arm64Calls } from '../../../../src/run/seccomp/calls-arm64.js';
import { i386Calls } from '../../../../src/run/seccomp/calls-i386.js';
import { x8664Calls } from '../../../../src/run/seccomp/calls-x86-64.js';
import { PRECOMPILED_CAPABILITIES } from '../../../../src/run/seccomp/container-filter.js';
import { defaultProfile } from '../../../../src/run/seccomp/default-profile.js';
import { seccompFilter } from '../../../../src/run/seccomp/filter.js';
import {
  type ArgumentTest,
  applicableRules,
  type Comparison,
  type SeccompProfile,
  type SeccompRule,
} from '../../../../src/run/seccomp/profile.js';
import { hasCapability } from '../../../../src/run/spec/capabilities.js';
import { randomFrom } from '../../../fuzz/random.js';
import { skipFor } from '../../../support/needs.js';
import { callData, runFilter } from './bpf-machine.js';
import { hasLibrary, libseccompFilter } from './libseccomp.js';

const skip = !hasLibrary && skipFor('needs libseccomp.so.2');

const architectures = {
  'x86-64': { ours: 'x64', audit: 0xc000003e, go: 'amd64', calls: x8664Calls },
  i386: { ours: 'x64', audit: 0x40000003, go: 'amd64', calls: i386Calls },
  arm64: { ours: 'arm64', audit: 0xc00000b7, go: 'arm64', calls: arm64Calls },
} as const;
type Architecture = (typeof architectures)[keyof typeof architectures];

function namesOf({ calls }: Architecture): Map<number, string> {
  const names = new Map<number, string>();
  for (const [first, text] of calls)
    for (const [index, name] of text.trim().split(/\s+/).entries()) if (name !== '-') names.set(first + index, name);
  return names;
}

const ERRNO = 0x00050000;
const actions: Record<string, number> = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_ERRNO: ERRNO,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_LOG: 0x7ffc0000,
};
const actionValue = (action: string, errno = 1): number =>
  (actions[action] ?? 0) | (action === 'SCMP_ACT_ERRNO' ? errno : 0);

/** Values on both sides of every boundary of the policy, with and without higher bits. */
const values = [
  0, 1, 2, 3, 8, 9, 11, 12, 13, 16, 37, 38, 39, 40, 41, 45, 46, 0x20000, 0x20008, 0x10000000, 0x7e020000, 0xfffffffe,
  0xffffffff,
].flatMap((low) => [BigInt(low), BigInt(low) | (1n << 32n), BigInt(low) | (1n << 63n)]);

function compare(
  architecture: Architecture,
  profile: SeccompProfile,
  rules: SeccompRule[],
  ours: Buffer,
  inputs: (number: number) => bigint[][],
): number {
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const theirs = libseccompFilter(
    architecture.audit,
    fallback,
    rules
      .map((rule) => ({ ...rule, value: actionValue(rule.action, rule.errnoRet ?? profile.defaultErrnoRet) }))
      .filter(({ value }) => value !== fallback),
  );
  let count = 0;
  for (const [number, name] of namesOf(architecture)) {
    // It cannot allow what it has no number for; for us the number is enough.
    if (theirs.unknown.has(name)) continue;
    for (const args of inputs(number)) {
      const data = callData(architecture.audit, number, args);
      const [mine, other] = [runFilter(ours, data), runFilter(theirs.filter, data)];
      assert.equal(mine.toString(16), other.toString(16), `${name} ${number} (${args.join(', ')}) `);
      count++;
    }
  }
  return count;
}

for (const [name, architecture] of Object.entries(architectures))
  for (const [what, capabilities] of [
    ['the default capabilities', PRECOMPILED_CAPABILITIES],
    ['all capabilities', (1n << 41n) - 1n],
    ['none', 0n],
  ] as const)
    test(`Docker's policy on ${name} with ${what}`, { skip }, () => {
      const has = (capability: string): boolean => hasCapability(capabilities, capability);
      const profile = defaultProfile();
      const rules = applicableRules(profile, { capabilities: has, architecture: architecture.go, kernel: '6.1.0' });
      const ours = seccompFilter(undefined, architecture.ours, has);
      // The upper half counts on i386, too: a 64-bit program that makes such a call can put anything there.
      const inputs = values.map((value) => [value, 0n]);
      assert.ok(compare(architecture, profile, rules, ours, () => inputs) > 18_000);
    });

const comparisons = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}` as Comparison);

// One rule a call: chains of rules with ranges are where libseccomp 2.5 itself strays from the policy.
test('policies made at random', { skip }, () => {
  const { below, pick } = randomFrom(7);
  const numbers = [
    0n,
    1n,
    2n,
    0xffffffffn,
    1n << 32n,
    (1n << 32n) + 1n,
    (1n << 53n) + 1n,
    (1n << 63n) + 5n,
    (1n << 64n) - 1n,
  ];
  let count = 0;
  for (let round = 0; round < 200; round++) {
    const architecture = pick(Object.values(architectures));
    const calls = ['read', 'getpid', 'openat', 'clone', 'execve', 'personality', 'ioctl'];
    const test = (index: number): ArgumentTest => ({
      index,
      op: pick(comparisons),
      value: String(pick(numbers)),
      valueTwo: String(pick(numbers)),
    });
    const syscalls = calls.map(
      (call): SeccompRule => ({
        names: [call],
        action: pick(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRAP', 'SCMP_ACT_LOG']),
        args: [0, 1].slice(below(3)).map(test),
      }),
    );
    const profile: SeccompProfile = {
      defaultAction: pick(['SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW', 'SCMP_ACT_KILL_PROCESS']),
      defaultErrnoRet: 1 + below(60),
      syscalls,
    };
    // Through a file, as the user gives it.
    const text = JSON.stringify(profile).replaceAll(/"(value(?:Two)?)":"(\d+)"/g, '"$1":$2');
    const ours = seccompFilter(text, architecture.ours, () => false);
    const wanted = new Set(
      [...namesOf(architecture)].filter(([, name]) => calls.includes(name)).map(([number]) => number),
    );
    const inputs = numbers.flatMap((first) =>
      [0n, 1n, (1n << 53n) + 1n, (1n << 63n) + 5n].map((second) => [first, second]),
    );
    count += compare(architecture, profile, syscalls, ours, (number) => (wanted.has(number) ? inputs : [[0n]]));
  }
  assert.ok(count > 40_000);
});
