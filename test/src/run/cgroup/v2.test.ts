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
