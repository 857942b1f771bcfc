/** The clock of the machine is set while things run: nothing ends early or waits for a day. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cli } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { root, tsrun } from './containers.js';

const DAY_S = 24 * 60 * 60;

/** By whole days, so that what has passed meanwhile hardly counts. */
async function moveClock(days: number): Promise<void> {
  const now = Math.round(Date.now() / 1000);
  const { status, stderr } = await run('date', ['-s', `@${now + days * DAY_S}`]);
  assert.equal(status, 0, stderr);
}

/** There and back again. */
async function jump(days: number): Promise<void> {
  await delay(700);
  await moveClock(days);
  await delay(700);
  await moveClock(-days);
}

describe('a clock that jumps', () => {
  for (const days of [1, -1])
    test(`by ${days} day`, async () => {
      const [box] = await Promise.all([
        tsrun('--sandbox', '--timeout', '20s', '--json', 'bb', 'sh', '-c', 'sleep 3; echo done'),
        jump(days),
      ]);
      const { stdout, reason, wallMs } = JSON.parse(box.stdout);
      assert.deepEqual([stdout, reason], ['done\n', 'exited'], box.stdout);
      // The emulated machine's clocks agree to some percent.
      assert.ok(wallMs > 2700 && wallMs < 15_000, `${wallMs} ms`);
    });

  test('and a container that is stopped, logged and followed meanwhile', async () => {
    const started = await tsrun(
      '-d',
      '--name',
      'clocked',
      'bb',
      'sh',
      '-c',
      'trap "" TERM; while :; do echo x; sleep 0.2; done',
    );
    assert.equal(started.status, 0, JSON.stringify(started));
    await jump(1);
    const began = performance.now();
    const stopping = cli('tscontainer', root, ['stop', '-t', '3', 'clocked']);
    await jump(-1);
    assert.equal((await stopping).status, 0);
    const took = performance.now() - began;
    assert.ok(took >= 2500 && took < 20_000, `${took} ms`);
    const { status, stdout } = await cli('tscontainer', root, ['logs', '--tail', '2', 'clocked']);
    assert.deepEqual([status, stdout], [0, 'x\nx\n']);
    assert.equal((await cli('tscontainer', root, ['rm', 'clocked'])).status, 0);
  });
});
