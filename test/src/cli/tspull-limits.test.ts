/** `--limit-rate` and `--stall-timeout`, and what a terminal shows meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { on, stallAfter, trickleChunks } from '../../../fixtures/registry/faults.js';
import { renderRows, timeLeft } from '../../../src/cli/pull-terminal.js';
import { pull } from '../../../src/pull/pull.js';
import type { PullEvent } from '../../../src/pull/pull-event.js';
import { bundledProgram, cli } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');
const noise = (bytes: number) => tar(file('noise', '', { content: randomBytes(bytes) }));

/** Seconds from the first layer that is asked for to the last byte. */
function transferSeconds(stdout: string): number {
  const events: PullEvent[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const times = (status: string) =>
    events.filter((event) => event.type === 'layer' && event.status === status).map(({ ms }) => ms);
  return (Math.max(...times('verified')) - Math.min(...times('downloading'))) / 1000;
}

describe('--limit-rate', { concurrency: 2, skip }, () => {
  const cases: [what: string, sizes: number[], flags: string[]][] = [
    ['one connection', [5_000_000], []],
    ['two worker threads', [2_500_000, 2_500_000], ['--max-concurrent-downloads', '2']],
    ['a worker and the main thread', [3_000_000, ...Array.from({ length: 5 }, () => 400_000)], []],
  ];
  for (const [what, sizes, flags] of cases)
    test(`${what}: all of them together keep to it`, async (t) => {
      const { name, image } = await serveImage(t, { layers: sizes.map(noise), compression: 'none' });
      const size = image.layers.reduce((sum, { length }) => sum + length, 0);
      const args = ['--json', '--limit-rate', '1m', ...flags, name];
      const { status, stdout, stderr } = await cli('tspull', join(tempDir(t), 'root'), args);
      assert.equal(status, 0, stderr);
      const [seconds, due] = [transferSeconds(stdout), size / 1024 ** 2];
      t.diagnostic(`${seconds} s for ${due} s`);
      // The last piece is not waited for. A busy machine may be late, but never early.
      assert.ok(seconds > due * 0.9 && seconds < due * 2.5, `${seconds} s instead of ${due}`);
    });

  test('a slow rate is no stall', async (t) => {
    const { name, registry } = await serveImage(t, { layers: [noise(400_000)], compression: 'none' });
    const args = ['-q', '--limit-rate', '100k', '--stall-timeout', '500ms', name];
    const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), args);
    assert.equal(status, 0, stderr);
    assert.equal(registry.requests.filter(({ url }) => url.includes('/blobs/')).length, 2);
  });
});

test('--stall-timeout: a connection that brings nothing is given up in that time', { skip }, async (t) => {
  const { name } = await serveImage(t, {
    layers: [noise(800_000)],
    compression: 'none',
    fault: on(/\/blobs\//, (question, answer, response) =>
      answer.body.length < 10_000 || question.headers['range'] !== undefined
        ? answer
        : stallAfter(300_000)(question, answer, response),
    ),
  });
  const began = performance.now();
  const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), ['--stall-timeout', '1s', name]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Retrying in \d+ seconds? \(.* sent \d+ bytes in 1 s\)/);
  assert.ok(performance.now() - began < 20_000, 'the usual time-out is 30 s');
});

test('values that mean nothing are refused', { skip }, async (t) => {
  for (const [flag, value] of [
    ['--limit-rate', '0'],
    ['--limit-rate', '-5'],
    ['--limit-rate', '1x'],
    ['--limit-rate', ''],
    ['--stall-timeout', '5'],
    ['--stall-timeout', '1ms'],
    ['--stall-timeout', '25h'],
  ]) {
    const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), [`${flag}=${value}`, 'x']);
    assert.equal(status, 125, `${flag} ${value}`);
    assert.match(stderr, /invalid argument ".*" for "--[a-z-]+" flag: /);
  }
});

test('the library refuses them, too', async (t) => {
  const root = join(tempDir(t), 'root');
  for (const wrong of [{ limitRate: 0 }, { limitRate: Number.NaN }, { blobConnections: 17 }, { stallTimeoutMs: 1 }])
    await assert.rejects(pull('x', { root, ...wrong }), { code: 'E_USAGE' });
});

test('a terminal shows the whole, its rate and the time that is left', {
  skip: missing('root', 'script', 'timeout'),
}, async (t) => {
  const { name } = await serveImage(t, {
    layers: [noise(3_000_000)],
    compression: 'none',
    fault: on(/\/blobs\//, trickleChunks(100_000, 80)),
  });
  const pull = `stty rows 24 cols 100; timeout -s KILL 40 node ${bundledProgram('tspull')} --root ${join(tempDir(t), 'root')} ${name}`;
  const { CI: _, ...others } = process.env;
  const { stdout } = await run('script', ['-qec', pull, '/dev/null'], { env: { ...others, TERM: 'xterm' } });
  assert.match(stdout, /0\/1 layers {2}[\d.]+MB of 3MB {2}[\d.]+[kM]B\/s {2}\d:\d\d left/, stdout.slice(0, 2000));
});

test('the whole counts what this process fetches; the time left is in minutes', () => {
  const row = (status: 'exists' | 'downloading' | 'verified' | 'elsewhere', current = 0) => ({
    digest: `sha256:${'a'.repeat(64)}`,
    status,
    current,
    total: 1_000_000,
  });
  const rows = [row('exists'), row('downloading', 250_000), row('verified', 999), row('elsewhere')];
  const [first] = renderRows(rows, { rate: 50_000, etaMs: 75_000 }, 100).split('\n');
  assert.equal(first, '1/4 layers  1.25MB of 2MB  50kB/s  1:15 left');
  assert.equal(renderRows(rows, undefined, 100).split('\n')[0], '1/4 layers  1.25MB of 2MB');
  assert.deepEqual([0, 999, 61_000, 3_600_000].map(timeLeft), ['0:00 left', '0:01 left', '1:01 left', '1:00:00 left']);
});
