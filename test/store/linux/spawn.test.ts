import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { exitOf, spawnInSession } from '../../../store/linux/spawn.js';
import { tempDir } from '../../support/temp.js';

async function endOf(pid: number) {
  for (;;) {
    const exit = exitOf(pid);
    if (exit !== undefined) return exit;
    await delay(5);
  }
}

/** Runs a shell command with `more` as its descriptors from 3 on, and returns what it prints. */
async function output(path: string, command: string, more: readonly number[] = []): Promise<string> {
  const out = openSync(path, 'w');
  const pid = spawnInSession({ path: '/bin/sh', argv: ['sh', '-c', command], descriptors: [out, out, out, ...more] });
  closeSync(out);
  assert.deepEqual(await endOf(pid), { code: 0 });
  return readFileSync(path, 'utf8');
}

describe('a program started by posix_spawn', () => {
  test('tells its status, or the signal that killed it, once it ended', async () => {
    const start = (command: string) =>
      spawnInSession({ path: '/bin/sh', argv: ['sh', '-c', command], descriptors: [] });
    assert.deepEqual(await endOf(start('exit 7')), { code: 7 });
    assert.deepEqual(await endOf(start('kill -TERM $$')), { signal: 15 });
    const sleeping = start('exec sleep 100');
    assert.equal(exitOf(sleeping), undefined);
    process.kill(sleeping, 'SIGKILL');
    assert.deepEqual(await endOf(sleeping), { signal: 9 });
  });

  test('is found by a descriptor, whatever numbers the others get', async () => {
    const opened: number[] = [];
    while ((opened.at(-1) ?? 0) < 80) opened.push(openSync('/bin/true', 'r'));
    const low = opened.find((fd) => fd < 40) ?? 0;
    const path = `/proc/self/fd/${opened.at(-1)}`;
    const pid = spawnInSession({ path, argv: ['true'], descriptors: Array(60).fill(low), through: opened.at(-1) ?? 0 });
    for (const fd of opened) closeSync(fd);
    assert.deepEqual(await endOf(pid), { code: 0 });
  });

  test('that does not exist is an error', () => {
    const start = () => spawnInSession({ path: '/nonexistent', argv: ['x'], descriptors: [0, 1, 2] });
    assert.throws(start, { syscall: 'posix_spawn', code: 'ENOENT' });
  });

  test('leads a session, has an empty environment, and no signal is ignored or blocked', async (t) => {
    const out = join(tempDir(t), 'out');
    const script = `
      read -r stat </proc/$$/stat; set -- \${stat#*) }; echo pid $$ session $4
      while read -r name value; do case $name in SigBlk:|SigIgn:) echo $name $value;; esac; done </proc/$$/status
      export -p`;
    const [first = '', ...rest] = (await output(out, script)).trim().split('\n');
    const [, pid, , session] = first.split(' ');
    assert.equal(session, pid);
    assert.deepEqual(rest.slice(0, 2), ['SigBlk: 0000000000000000', 'SigIgn: 0000000000000000']);
    // What the shell itself sets.
    assert.deepEqual(
      rest.slice(2).filter((line) => !/^export (PWD|OLDPWD|SHLVL|_)\b/.test(line)),
      [],
    );
  });

  test('gets each descriptor under its number, also when one of them has the number of another', async (t) => {
    const dir = tempDir(t);
    const fds = Array.from({ length: 80 }, (_, index) => openSync(join(dir, String(index)), 'w'));
    const names = new Map(fds.map((fd, index) => [fd, join(dir, String(index))]));
    const reversed = fds.toReversed();
    assert.ok(
      reversed.some((source) => source < reversed.length),
      'none would be overwritten',
    );
    const numbers = reversed.map((_, index) => index + 3);
    const script = `for n in ${numbers.join(' ')}; do readlink /proc/$$/fd/$n; done`;
    const seen = await output(join(dir, 'out'), `PATH=/usr/bin:/bin; ${script}`, reversed);
    for (const fd of fds) closeSync(fd);
    assert.deepEqual(
      seen.trim().split('\n'),
      reversed.map((fd) => names.get(fd)),
    );
  });
});
