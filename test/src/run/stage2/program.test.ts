import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { interpreters } from '../../../../src/run/stage2/code.js';
import { executable } from '../../../../src/run/stage2/elf.js';
import { Program } from '../../../../src/run/stage2/program.js';
import { missing } from '../../../support/needs.js';
import { tempDir } from '../../../support/temp.js';

const sources = join(import.meta.dirname, '..', '..', '..', '..', '..', 'src', 'run', 'stage2');

for (const { architecture, source, prefix } of [
  { architecture: 'x64', source: 'x86-64.S', prefix: process.arch === 'x64' ? '' : 'x86_64-linux-gnu-' },
  { architecture: 'arm64', source: 'arm64.S', prefix: process.arch === 'arm64' ? '' : 'aarch64-linux-gnu-' },
] as const) {
  // Not `missing()`: the cross assembler is no part of what the tests must have.
  const skip = missing(`${prefix}as`);
  test(`the bytes for ${architecture} are what ${source} assembles to`, { skip }, (t) => {
    const dir = tempDir(t);
    execFileSync(`${prefix}as`, ['-o', join(dir, 'code.o'), join(sources, source)]);
    execFileSync(`${prefix}objcopy`, ['-O', 'binary', '-j', '.text', join(dir, 'code.o'), join(dir, 'code.bin')]);
    assert.deepEqual(interpreters[architecture](), readFileSync(join(dir, 'code.bin')));
  });
}

const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';

function perform(t: Parameters<typeof tempDir>[0], program: Program): { status: number | null; stdout: string } {
  const file = join(tempDir(t), 'program');
  writeFileSync(file, executable(program.architecture, program.image(1)), { mode: 0o755 });
  const emulator = program.architecture === architecture ? [] : ['qemu-aarch64-static'];
  const [command = '', ...args] = [...emulator, file];
  const { status, stdout } = spawnSync(command, args, { encoding: 'latin1' });
  return { status, stdout };
}

/** Counts down with a loop, stores results, jumps, and ends with the number of rounds as if a child had exited so. */
function countdown(kind: 'x64' | 'arm64'): Program {
  const program = new Program(kind);
  const [count, status] = [program.slot(3n), program.slot(7n << 8n)];
  const [again, done] = [program.label(), program.label()];
  program.mark(again);
  program.jumpIfEqual(count, 0, done);
  program.call('write', [1, 'round ', 6]);
  // count = count - 1, by storing the result of a comparison that does not hold
  program.jumpIfEqual(count, 1, done);
  program.call('close', [99], '', { save: count, ignore: true });
  program.call('close', [99], '', { onError: done });
  program.mark(done);
  program.exitAsWaited(status);
  return program;
}

for (const kind of ['x64', 'arm64'] as const) {
  const skip = kind !== architecture && missing('qemu-aarch64-static');
  test(`${kind}: results, jumps and the exit status`, { skip }, (t) => {
    assert.deepEqual(perform(t, countdown(kind)), { status: 7, stdout: 'round ' });
  });
}

test('a failing operation reports its index and errno and ends with 125', (t) => {
  const program = new Program(architecture);
  program.call('fchdir', [99], '', { ignore: true });
  program.call('fchdir', [99]);
  const { status, stdout } = perform(t, program);
  const report = Buffer.from(stdout, 'latin1');
  assert.equal(status, 125);
  assert.equal(report.length, 16);
  assert.equal(report.readBigInt64LE(0), 1n);
  assert.equal(report.readBigInt64LE(8), -9n);
});

test('a wait status of a signal becomes 128 and its number', (t) => {
  const program = new Program(architecture);
  program.exitAsWaited(program.slot(9n));
  assert.equal(perform(t, program).status, 137);
});

test('running past the end is a failure, not a success', (t) => {
  assert.equal(perform(t, new Program(architecture)).status, 125);
});

test('it executes with arguments and environment', (t) => {
  const program = new Program(architecture);
  program.call('execve', ['/bin/sh', program.texts(['sh', '-c', 'echo $0 $A', 'x']), program.texts(['A=b'])]);
  const { status, stdout } = perform(t, program);
  assert.equal(status, 0);
  assert.equal(stdout, 'sh b\n'.replace('sh', 'x'));
});

test('an operation cannot jump to two places', () => {
  const program = new Program(architecture);
  const [one, two] = [program.label(), program.label()];
  program.mark(one);
  program.call('close', [1], '', { onError: one, onZero: two });
  program.call('close', [1]);
  program.mark(two);
  assert.throws(() => program.image(1), /one place/);
});
