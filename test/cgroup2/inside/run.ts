import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CGROUPS, read, script, show, shown, tsrun } from './containers.js';

const unlimited = {
  'memory.max': 'max',
  'memory.swap.max': 'max',
  'cpu.max': 'max 100000',
  'cpu.weight': '100',
  'pids.max': 'max',
  'cpuset.cpus': '',
  'cpuset.cpus.effective': '0-1',
};

// One after the other, because the first that succeeds leaves its compiled code for all others.
describe('a run', () => {
  test('the machine has the controllers in version 2, and no version 1', () => {
    const controllers = read(CGROUPS, 'cgroup.controllers').split(' ');
    for (const name of ['cpu', 'cpuset', 'memory', 'pids']) assert.ok(controllers.includes(name), name);
    assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), /^\S+ \S+ cgroup /m);
  });

  test('a command that does nothing', async () => {
    assert.deepEqual(await tsrun('--rm', 'bb', 'true'), { status: 0, stdout: '', stderr: '' });
  });

  test('status, streams and environment, and nothing limited', async () => {
    const { status, stdout, stderr } = await script(
      `echo "$FROM_IMAGE $FROM_CALLER $(id -u)"; cat /proc/self/cgroup; nproc; ${show(unlimited)}
      echo complaint >&2; exit 3`,
      ...['-e', 'FROM_CALLER=also'],
    );
    assert.deepEqual([status, stdout, stderr], [3, `yes also 0\n0::/\n2\n${shown(unlimited)}`, 'complaint\n']);
  });
});
