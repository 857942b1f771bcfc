/** The tests of the folder `inside`, on a kernel whose controllers belong to cgroup version 2: that of a virtual machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { machineMissing, startMachine } from '../support/virtual-machine/machine.js';
import { readResult } from '../support/virtual-machine/results.js';

const TIMEOUT_MS = 600_000;
const DISK_BYTES = 64 * 1024 * 1024;
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

test('cgroup version 2 in a virtual machine', { skip: machineMissing() }, async (t) => {
  const reporter = `--test-reporter=${built('../support/virtual-machine/results.js')}`;
  const command = [process.execPath, reporter, built('inside/all.js')];
  const machine = startMachine(t, { command, timeoutMs: TIMEOUT_MS, diskBytes: DISK_BYTES });
  const printed: string[] = [];
  let count = 0;
  for await (const line of machine.lines) {
    const result = readResult(line);
    if (result === undefined) {
      printed.push(line);
      continue;
    }
    count++;
    await t.test(`${result.name} (${Math.round(result.durationMs)} ms)`, () => assert.ok(result.passed, result.reason));
  }
  const report = `\n${printed.join('\n')}\n${machine.console()}`;
  assert.notEqual(machine.status(), undefined, `the machine ended before its tests did${report}`);
  assert.equal(machine.status(), 0, report);
  assert.ok(count > 0, `no test ran${report}`);
});
