/** Kernels and surroundings that the machines of the tests do not have, as folders that look like them. The real thing: test/cgroup2/. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { limitFiles, prepareV2 } from '../../../../src/run/cgroup/v2.js';
import { KnownError } from '../../../../store/errors.js';
import { tempDir } from '../../../support/temp.js';

/** A root with a cgroup of a container; files of the kernel are there and empty. */
function hierarchy(t: TestContext, rootFiles: readonly string[], containerFiles: readonly string[]): string {
  const root = tempDir(t);
  const container = join(root, 'tspull', 'id');
  mkdirSync(container, { recursive: true });
  for (const name of ['cgroup.subtree_control', 'tspull/cgroup.subtree_control', ...rootFiles])
    writeFileSync(join(root, name), '');
  for (const name of containerFiles) writeFileSync(join(container, name), '');
  return root;
}

const controllers = ['cpu', 'cpuset', 'memory', 'pids'];
const wish = { id: 'id', devices: undefined, announce: () => undefined };

test('a kernel without swap limits memory alone, and it is said', (t) => {
  const mountPoint = hierarchy(t, [], ['memory.max']);
  const { warnings } = prepareV2({ ...wish, limits: { memory: 1e7 } }, { mountPoint, controllers });
  assert.equal(readFileSync(join(mountPoint, 'tspull/id/memory.max'), 'latin1'), '10000000');
  assert.deepEqual(warnings, ['your kernel does not account swap: only memory is limited']);
  assert.deepEqual(prepareV2({ ...wish, limits: {} }, { mountPoint, controllers }).warnings, []);
});

test('a root of a namespace with processes of its own is left as it is', (t) => {
  const mountPoint = hierarchy(t, ['cgroup.type', 'cgroup.procs'], []);
  writeFileSync(join(mountPoint, 'cgroup.procs'), '1\n');
  prepareV2({ ...wish, limits: {} }, { mountPoint, controllers });
  assert.throws(
    () => prepareV2({ ...wish, limits: { pids: 5 } }, { mountPoint, controllers }),
    (error: unknown) => error instanceof KnownError && /processes in the cgroup/.test(error.hint ?? ''),
  );
  assert.equal(readFileSync(join(mountPoint, 'cgroup.subtree_control'), 'latin1'), '');
});

test('shares become weights, and swap is counted apart from memory', () => {
  const weights = [1, 2, 1024, 262144, 1e9].map((cpuShares) => limitFiles({ cpuShares })[0]?.[1]);
  assert.deepEqual(weights, ['1', '1', '39', '10000', '10000']);
  for (const [memorySwap, swap] of [
    [undefined, '100'],
    [-1, 'max'],
    [100, '0'],
    [150, '50'],
  ] as const)
    assert.deepEqual(limitFiles({ memory: 100, ...(memorySwap !== undefined && { memorySwap }) }), [
      ['memory.max', '100'],
      ['memory.swap.max', swap],
    ]);
});

test('the rest of the limits in the words of version 2', () => {
  assert.deepEqual(
    limitFiles({
      memoryReservation: 5,
      cpuQuota: 20000,
      cpuPeriod: 50000,
      mems: '0',
      throttles: [
        { device: '254:0', kind: 'read-bps', value: 1024 },
        { device: '254:0', kind: 'write-iops', value: 9 },
      ],
      hugetlb: { '2MB': 4194304 },
    }),
    [
      ['memory.low', '5'],
      ['cpu.max', '20000 50000'],
      ['cpuset.mems', '0'],
      ['io.max', '254:0 rbps=1024'],
      ['io.max', '254:0 wiops=9'],
      ['hugetlb.2MB.max', '4194304'],
    ],
  );
  assert.deepEqual(limitFiles({ cpuPeriod: 50000 }), [['cpu.max', 'max 50000']]);
});

test('weights: of BFQ where it is there, of the kernel otherwise, or a warning', (t) => {
  const limits = { blkioWeight: 500, blkioWeightDevices: [{ device: '8:0', value: 1000 }] };
  const files = (file: string): { text: string; warnings: string[] } => {
    const mountPoint = hierarchy(t, [], [file]);
    const { warnings } = prepareV2({ ...wish, limits }, { mountPoint, controllers: [...controllers, 'io'] });
    return { text: readFileSync(join(mountPoint, 'tspull/id', file), 'latin1'), warnings };
  };
  // The last one written stands at the beginning of a file that is no kernel's.
  assert.deepEqual(files('io.bfq.weight'), { text: '8:0 1000500', warnings: [] });
  assert.match(files('io.weight').text, /^8:0 10000/);
  assert.match(files('io.latency').warnings.join(), /does not support Block I\/O weight/);
  const swap = prepareV2(
    { ...wish, limits: { memorySwappiness: 5, oomKillDisable: true } },
    { mountPoint: hierarchy(t, [], []), controllers },
  );
  assert.equal(swap.warnings.length, 2);
});
