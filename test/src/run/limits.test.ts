import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { containerFiles } from '../../../src/containers/container-files.js';
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

test('memory with --init: the command is killed and init ends as it did; the record of a kept container says so', {
  skip: needs('memory'),
}, () => {
  const flags = ['--init', '-m', '16m', '--memory-swap', '16m'];
  const hog = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1'];
  assert.equal(tsrun(root, ['--name', 'hog', ...flags, 'bb', ...hog]).status, 137);
  const id = readlinkSync(join(root, 'tspull/names/hog'));
  const record = JSON.parse(readFileSync(containerFiles(root, id).record, 'utf8'));
  assert.deepEqual([record.exitCode, record.oomKilled], [137, true]);
});

test('a fork bomb that ignores signals, in sessions of its own, is over with the container', {
  skip: needs('pids'),
}, () => {
  const word = `${4_000_000 + process.pid}`;
  const bomb = `trap "" TERM INT; f() { setsid sh -c "trap '' TERM; sleep ${word}" & f & }; f 2>/dev/null; f 2>/dev/null; sleep 1; exit 3`;
  const { status } = tsrun(root, ['--rm', '--pids-limit', '30', '--timeout', '20', 'bb', 'sh', '-c', bomb]);
  assert.ok(status === 3 || status === 2, String(status));
  const left = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`sleep\0${word}`));
  assert.deepEqual(left, []);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

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

test('rates of a block device', {
  skip: needs('blkio') || (!hierarchies.v1.has('blkio') && 'reads files of v1'),
}, () => {
  const device = blockDevice();
  const rates = ['--device-read-bps', `${device}:512kb`, '--device-write-iops', `${device}:7`];
  const look = 'cd /sys/fs/cgroup/blkio; cat blkio.throttle.read_bps_device blkio.throttle.write_iops_device';
  const { stdout, stderr } = tsrun(root, ['--rm', ...rates, 'bb', 'sh', '-c', look]);
  assert.match(stdout, /^\d+:\d+ 524288\n\d+:\d+ 7\n$/, stderr);
});

/** Any disk of this machine. */
function blockDevice(): string {
  const names = readdirSync('/sys/block').filter(
    (name) => Number(readFileSync(`/sys/block/${name}/size`, 'latin1')) > 100_000,
  );
  const name = names.find((candidate) => !candidate.startsWith('loop')) ?? names[0];
  assert.ok(name !== undefined);
  return `/dev/${name}`;
}

test('reservation, swappiness and quota, and weights that this kernel lacks', {
  skip: needs('memory') || (!hierarchies.v1.has('memory') && 'reads files of v1'),
}, () => {
  const look =
    'cd /sys/fs/cgroup; cat memory/memory.soft_limit_in_bytes memory/memory.swappiness cpu/cpu.cfs_quota_us cpuset/cpuset.mems';
  const flags = [
    '--memory-reservation',
    '20m',
    '--memory-swappiness',
    '9',
    '--cpu-quota',
    '30000',
    '--cpuset-mems',
    '0',
  ];
  assert.equal(tsrun(root, ['--rm', ...flags, 'bb', 'sh', '-c', look]).stdout, '20971520\n9\n30000\n0\n');
  const weight = tsrun(root, [
    '--rm',
    '--blkio-weight',
    '300',
    'bb',
    'sh',
    '-c',
    'cat /sys/fs/cgroup/blkio/blkio.bfq.weight 2>/dev/null || echo none',
  ]);
  if (weight.stdout === 'none\n') assert.match(weight.stderr, /does not support Block I\/O weight/);
  else assert.equal(weight.stdout, '300\n');
  const pages = tsrun(root, ['--rm', '--hugetlb', '2MB=4m', 'bb', 'true']);
  if (!has('hugetlb')) assert.match(pages.stderr, /controller "hugetlb" is not available/);
  for (const size of ['../x=4m', '2=4m', '2MB=x', '2MB'])
    assert.equal(tsrun(root, ['--rm', '--hugetlb', size, 'bb', 'true']).status, 125, size);
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
