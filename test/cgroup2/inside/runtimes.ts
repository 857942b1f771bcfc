import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { containerCgroups, show, shown, tsrun } from './containers.js';

describe('OCI runtimes', () => {
  for (const runtime of ['crun', 'runc'])
    test(`${runtime}: a bundle with limits, and nothing left`, async () => {
      const values = { 'memory.max': String(32 * 1024 * 1024), 'pids.max': '40', 'cpu.max': '50000 100000' };
      const before = containerCgroups();
      const flags = ['--runtime', runtime, '-m', '32m', '--pids-limit', '40', '--cpus', '0.5', '-u', 'alice'];
      const script = `${show(values)}; id -u; echo $FROM_IMAGE; exit 5`;
      const { status, stdout, stderr } = await tsrun('--rm', ...flags, 'bb', 'sh', '-c', script);
      assert.deepEqual([status, stdout], [5, `${shown(values)}1000\nyes\n`], stderr);
      assert.deepEqual(containerCgroups(), before);
    });
});
