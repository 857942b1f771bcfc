import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { findHierarchies } from '../../../src/run/cgroup/hierarchies.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
const hierarchies = findHierarchies();
const has = (controller: string): boolean =>
  hierarchies.v1.has(controller) || (hierarchies.v2?.controllers.includes(controller) ?? false);
const needs = (controller: string) => skip || (!has(controller) && `needs the cgroup controller ${controller}`);

test('memory: what takes more is killed, 137', { skip: needs('memory') }, () => {
  const args = ['--rm', '-m', '16m', '--memory-swap', '16m', 'bb'];
  assert.equal(tsrun(root, [...args, 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1']).status, 137);
  assert.equal(tsrun(root, [...args, 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1M', 'count=1']).status, 0);
});

test('processes: a fork bomb stays small', { skip: needs('pids') }, () => {
  const script = 'i=0; while test $i -lt 40; do sleep 5 & i=$((i+1)); done; echo all';
  const { status, stdout, stderr } = tsrun(root, ['--rm', '--pids-limit', '10', 'bb', 'sh', '-c', script]);
  assert.notEqual(status, 0);
  assert.equal(stdout, '');
  assert.match(stderr, /fork|Resource/);
});

test('processors: a share of the time, and which', { skip: needs('cpu') }, () => {
  const busy = 'i=0; while test $i -lt 3000; do i=$((i+1)); done; cat /proc/uptime >/dev/null';
  assert.equal(tsrun(root, ['--rm', '--cpus', '0.5', '--cpu-shares', '512', 'bb', 'sh', '-c', busy]).status, 0);
  assert.equal(tsrun(root, ['--rm', '--cpuset-cpus', '0', 'bb', 'nproc']).stdout, '1\n');
});

test('what the kernel throttled shows the quota', {
  skip: needs('cpu') || (!hierarchies.v1.has('cpu') && 'reads files of cgroup v1'),
}, () => {
  const script =
    'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max';
  const { stdout } = tsrun(root, [
    '--rm',
    '--cpus',
    '0.25',
    '-m',
    '32m',
    '--pids-limit',
    '9',
    'bb',
    'sh',
    '-c',
    script,
  ]);
  assert.equal(stdout, '25000\n33554432\n9\n');
});
