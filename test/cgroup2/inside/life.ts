/** Cgroups come and go with their containers, however these end. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { containerCgroups, script, startContainer, tsrun } from './containers.js';

describe('the life of a cgroup', () => {
  test('ten containers at once, each with its own limits', async () => {
    const show = 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max)';
    const numbers = Array.from({ length: 10 }, (_, index) => index + 20);
    const outcomes = await Promise.all(
      numbers.map((number) => script(show, '-m', `${number}m`, '--pids-limit', String(number))),
    );
    const expected = numbers.map((number) => ({
      status: 0,
      stdout: `${number * 1024 * 1024} ${number}\n`,
      stderr: '',
    }));
    assert.deepEqual(outcomes, expected);
    assert.deepEqual(containerCgroups(), []);
  });

  test('SIGKILL of the program ends the container, and the next run removes the cgroup', async () => {
    const container = await startContainer('victim', 'sleep 600 & true', '-m', '32m');
    assert.ok(existsSync(container.cgroup));
    container.kill('SIGKILL');
    await container.ended;
    const { status } = await tsrun('--rm', '-m', '32m', 'bb', 'missing');
    assert.equal(status, 127);
    assert.deepEqual(containerCgroups(), [], 'neither that of the victim, nor one of the failure');
  });

  test('what a privileged container made below its own goes with it; any device is open to it', async () => {
    const { status, stdout, stderr } = await script(
      `mknod /mem c 1 1; head -c1 /mem >/dev/null && echo read
      mkdir -p /sys/fs/cgroup/a/b; sleep 600 & echo $! >/sys/fs/cgroup/a/b/cgroup.procs; exit 3`,
      '--privileged',
    );
    assert.deepEqual([status, stdout, stderr], [3, 'read\n', '']);
    assert.deepEqual(containerCgroups(), []);
  });
});
