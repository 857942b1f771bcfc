import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { script, tsrun } from './containers.js';

describe('processes', { concurrency: 2 }, () => {
  test('fork fails beyond the limit, and the refusal is counted', async () => {
    const { status, stdout, stderr } = await script(
      `(i=0; while test $i -lt 40; do sleep 5 & i=$((i+1)); done; echo all)
      read -r word count </sys/fs/cgroup/pids.events; echo "$word $count"`,
      ...['--pids-limit', '10'],
    );
    assert.match(stderr, /can't fork: Resource temporarily unavailable/);
    assert.deepEqual([status, stdout], [0, 'max 1\n']);
  });

  test('a limit of one: room for a command, none for --init beside it', async () => {
    const [alone, beside] = await Promise.all([
      tsrun('--rm', '--pids-limit', '1', 'bb', 'true'),
      tsrun('--rm', '--init', '--pids-limit', '1', 'bb', 'true'),
    ]);
    assert.deepEqual(alone, { status: 0, stdout: '', stderr: '' });
    assert.equal(beside.status, 125);
    assert.match(beside.stderr, /the command: resource temporarily unavailable/);
  });
});
