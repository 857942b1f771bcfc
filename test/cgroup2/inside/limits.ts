import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { read, show, shown, startContainer } from './containers.js';

const flags = [
  ...['-m', '32m', '--memory-swap', '48m', '--cpus', '0.5', '--cpu-shares', '512'],
  ...[
    '--pids-limit',
    '40',
    '--cpuset-cpus',
    '1',
    '--memory-reservation',
    '8m',
    '--cpuset-mems',
    '0',
    '--hugetlb',
    '2MB=4m',
  ],
];
const values = {
  'memory.max': String(32 * 1024 * 1024),
  'memory.swap.max': String(16 * 1024 * 1024),
  'cpu.max': '50000 100000',
  'cpu.weight': '20',
  'memory.low': String(8 * 1024 * 1024),
  'cpuset.mems': '0',
  'hugetlb.2MB.max': String(4 * 1024 * 1024),
  'pids.max': '40',
  'cpuset.cpus': '1',
  'cpuset.cpus.effective': '1',
};

/** Keeps its processor busy until the quota stops it; gives up in the end. */
const untilThrottled = `i=0
  while test $i -lt 50000 && ! { test $((i % 500)) = 0 && grep -q "^nr_throttled [1-9]" /sys/fs/cgroup/cpu.stat; }
  do i=$((i+1)); done`;

describe('limits', () => {
  test('all of them, seen from inside and from outside, in force, and gone with the container', async () => {
    const attempt = 'echo max >/sys/fs/cgroup/memory.max';
    const container = await startContainer(
      'limited',
      `${show(values)}; nproc; ${attempt}; ${untilThrottled}`,
      ...flags,
    );
    for (const [file, value] of Object.entries(values)) assert.equal(read(container.cgroup, file), value, file);
    assert.equal(read(container.cgroup, 'cgroup.procs').split('\n').length, 2, 'init and the command');
    assert.match(read(container.cgroup, 'cpu.stat'), /^nr_throttled [1-9].*\nthrottled_usec [1-9]/m);
    container.kill('SIGTERM');
    const { status, stdout, stderr } = await container.ended;
    assert.deepEqual([status, stdout], [143, `${shown(values)}1\nready\n`]);
    assert.match(stderr, /memory\.max: Read-only file system/);
    assert.equal(existsSync(container.cgroup), false);
  });
});
