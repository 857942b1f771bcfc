/** tspull and dockerd on one data root: never both at a time. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { on, stallAfter } from '../../fixtures/registry/faults.js';
import { pull } from '../../src/pull/pull.js';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { describeTree } from '../support/tree.js';

const layers = [tar(file('a', 'a')), tar(file('b', '', { content: Buffer.alloc(300_000, 'b') }))];

const refused = ({ status, stdout, stderr }: CommandResult, text: RegExp, message = '') => {
  assert.notEqual(status, 0, message);
  assert.match(stderr, text, message);
  assert.equal(stdout, '', message);
};

test('nothing is written while dockerd runs on the root', { skip: missing(...dockerdNeeds) }, async (t) => {
  const root = join(tempDir(t), 'data');
  const { name } = await serveImage(t, { layers });
  const other = await serveImage(t, { layers: layers.slice(0, 1) });
  await cli('tspull', root, ['-q', name]);
  const daemon = await startDockerd(t, { root });
  const before = describeTree(join(root, 'image'));
  const commands: [Parameters<typeof cli>[0], string[]][] = [
    ['tspull', [other.name]],
    ['tsimage', ['tag', name, 'other:1']],
    ['tsimage', ['rm', name]],
    ['tsrun', ['--rm', name, 'true']],
  ];
  for (const [program, args] of commands)
    refused(
      await cli(program, root, args),
      /a Docker daemon is running on the data root ".*"\n.*stop it first/s,
      `${program} ${args[0]}`,
    );
  assert.deepEqual(describeTree(join(root, 'image')), before);
  assert.equal((await cli('tsimage', root, ['ls', '-q'])).stdout.trim().length, 12, 'reading is allowed');
  assert.equal((await cli('tspull', root, ['-q', name])).status, 0, 'what is up to date needs no writing');
  await daemon.kill();
  assert.equal((await cli('tspull', root, ['-q', other.name])).status, 0, 'a killed daemon leaves no lock');
  checkStore(root, { leftovers: true });
});

test('dockerd does not start while a pull is under way', { skip: missing(...dockerdNeeds) }, async (t) => {
  const root = join(tempDir(t), 'data');
  const { name, image } = await serveImage(t, {
    layers,
    compression: 'none',
    fault: on(/\/blobs\//, (question, answer, response) =>
      answer.body.length < 200_000 ? answer : stallAfter(100_000)(question, answer, response),
    ),
  });
  const abort = new AbortController();
  let moving = false;
  const pulling = pull(name, {
    root,
    signal: abort.signal,
    onEvent: (event) => {
      moving ||= event.type === 'progress' && event.current > 50_000;
    },
  });
  const ended = assert.rejects(pulling, { code: 'E_CANCELLED' });
  while (!moving) await delay(10);
  await assert.rejects(startDockerd(t, { root }), /timeout/);
  abort.abort();
  await ended;
  checkStore(root);
  const daemon = await startDockerd(t, { root });
  assert.equal((await daemon.docker(['image', 'ls', '-q'])).stdout, '');
  await daemon.stop();
  const good = await serveImage(t, { layers });
  assert.equal((await cli('tspull', root, ['-q', good.name])).status, 0);
  assert.equal(good.image.config.length, image.config.length);
  checkStore(root, { leftovers: true });
});

test('a root whose Docker keeps its images in containerd is refused and left alone', {
  skip: missing('root'),
}, async (t) => {
  const { name } = await serveImage(t, { layers });
  for (const mark of ['image/identity-cache.db', 'buildkit/containerd-overlayfs/x', 'rootfs/overlayfs/x']) {
    const root = join(tempDir(t), 'data');
    mkdirSync(dirname(join(root, mark)), { recursive: true });
    writeFileSync(join(root, mark), '');
    const before = describeTree(root);
    refused(await cli('tspull', root, [name]), /keeps images in containerd/, mark);
    assert.deepEqual(describeTree(root), before);
    assert.equal(existsSync(join(root, 'overlay2')), false);
  }
});
