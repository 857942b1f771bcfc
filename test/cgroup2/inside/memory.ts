import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { containerFiles } from '../../../src/containers/container-files.js';
import { containerCgroups, root, script, tsrun } from './containers.js';

/** A process that holds so much memory: it reads a block of that size. */
const take = (size: string): string => `dd if=/dev/zero of=/dev/null bs=${size} count=1 2>/dev/null`;
const showSwap = 'cat /sys/fs/cgroup/memory.swap.max';

/** What is kept of a container without --rm. */
function recordOf(name: string): { id: string; exitCode: number; oomKilled: boolean } {
  const id = readlinkSync(join(root, 'tspull/names', name));
  return JSON.parse(readFileSync(containerFiles(root, id).record, 'utf8'));
}

describe('memory', { concurrency: 2 }, () => {
  test('a command that takes more is killed: status 137, and the record tells why', async () => {
    const { status, stdout } = await tsrun(
      ...['--name', 'greedy', '-m', '16m', 'bb', 'sh', '-c', `${showSwap}; exec ${take('64M')}`],
    );
    assert.deepEqual([status, stdout], [137, `${16 * 1024 * 1024}\n`], 'as much swap as memory, unless said');
    const { id, exitCode, oomKilled } = recordOf('greedy');
    assert.deepEqual([exitCode, oomKilled], [137, true]);
    assert.ok(!containerCgroups().includes(id), 'its cgroup is gone');
  });

  test('one that takes less is not', async () => {
    const { status, stdout } = await tsrun(
      ...['--name', 'modest', '-m', '16m', '--memory-swap', '-1', 'bb', 'sh', '-c', `${showSwap}; exec ${take('1M')}`],
    );
    assert.deepEqual([status, stdout], [0, 'max\n']);
    assert.deepEqual([recordOf('modest').exitCode, recordOf('modest').oomKilled], [0, false]);
  });

  test('a child that takes more is killed alone, also with --init', async () => {
    const outcome = await script(
      `${showSwap}; ${take('64M')}; echo $?; grep -c "^oom_kill 1" /sys/fs/cgroup/memory.events; exit 4`,
      ...['--init', '-m', '16m', '--memory-swap', '16m'],
    );
    assert.deepEqual(outcome, { status: 4, stdout: '0\n137\n1\n', stderr: '' });
  });
});
