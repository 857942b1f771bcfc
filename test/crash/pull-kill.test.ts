/** `tspull` killed at any instant: the image is complete or absent, and the next pull makes all well. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pull } from '../../src/pull/pull.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { bundledProgram, cli } from '../support/cli.js';
import { layerTree } from '../support/layer-compare.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, hardlink, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { type Instant, listInstants, runKilledAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

/** Of the calls, unless all are wanted. */
const POINTS = 56;

const layers = [
  tar(dir('bin'), file('bin/sh', 'shell'), symlink('bin/a', 'sh'), dir('etc', { mode: 0o711 }), file('etc/a', 'a')),
  tar(file('etc/.wh.a', ''), file('etc/b', 'b', { mode: 0o4755, uid: 7 }), hardlink('etc/c', 'etc/b')),
  tar(dir('d'), file('d/.wh..wh..opq', ''), file('d/x', '', { content: Buffer.alloc(200_000, 'x') })),
  tar(file('last', 'z', { pax: { 'SCHILY.xattr.user.a': 'b' } })),
];

/** All instants, or as many as there is time for, the last one among them. */
function some(instants: readonly Instant[], most: number): Instant[] {
  const stride = isLongForm ? 1 : Math.max(1, instants.length / most);
  const picked = Array.from({ length: Math.floor(instants.length / stride) }, (_, at) =>
    instants.at(-1 - Math.floor(at * stride)),
  );
  return picked.filter((instant) => instant !== undefined);
}

async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

test('the harness finds a program that makes names before contents', { skip: missing('root', 'strace') }, async (t) => {
  const folder = tempDir(t);
  // Plain files only: cpSync copies no devices.
  const { name } = await serveImage(t, { layers: layers.slice(3) });
  const good = join(folder, 'good');
  await pull(name, { root: good });
  const script = join(folder, 'wrong.mjs');
  const copy = "import {cpSync} from 'node:fs'; const [,, from, to] = process.argv;\n";
  const part = (path: string) =>
    `cpSync(from + '/${path}', to + '/${path}', {recursive: true, verbatimSymlinks: true});\n`;
  const parts = [
    'image/overlay2/repositories.json',
    'image/overlay2/imagedb',
    'image/overlay2/layerdb',
    'overlay2',
    'tspull',
  ];
  writeFileSync(script, copy + parts.map(part).join(''));
  const copyTo = (root: string): Victim => ({ command: [process.execPath, script, good, root] });
  const instants = await listInstants(copyTo(join(folder, 'whole')), folder);
  checkStore(join(folder, 'whole'), { leftovers: true });
  const broken: Instant[] = [];
  await inPairs(some(instants, 20), async (instant) => {
    const root = join(folder, `wrong-${instant.call}-${instant.nth}`);
    await runKilledAt(copyTo(root), instant);
    try {
      checkStore(root, { leftovers: true });
    } catch (error) {
      assert.ok(error instanceof Error);
      broken.push(instant);
    }
  });
  assert.ok(broken.length >= 8, `only ${broken.length} of 20 kills were seen`);
});

test('killed at any call that changes the disk', { skip: missing('root', 'strace') }, async (t) => {
  const since = Date.now();
  const folder = tempDir(t);
  const { name } = await serveImage(t, { layers });
  const clean = join(folder, 'clean');
  const pullTo = (root: string): Victim => ({
    command: [process.execPath, bundledProgram('tspull'), '--root', root, '-q', name],
  });
  const instants = await listInstants(pullTo(clean), folder);
  checkStore(clean);
  assert.ok(instants.length > 100, `only ${instants.length} calls`);
  const trees = new Map(listLayers(clean).map((chainId) => [chainId, layerTree(clean, chainId, since)]));
  assert.equal(trees.size, 4);
  let visible = 0;
  let killed = 0;
  const chosen = some(instants, POINTS);
  await inPairs(chosen, async (instant) => {
    const at = `killed at ${instant.call} ${instant.nth}`;
    const root = join(folder, `${instant.call}-${instant.nth}`);
    if (await runKilledAt(pullTo(root), instant)) killed++;
    checkStore(root, { leftovers: true });
    if (existsSync(join(root, 'image/overlay2/repositories.json'))) visible++;
    await pull(name, { root });
    // A writer sweeps what it finds at its start; an up-to-date pull is none.
    await cli('tsimage', root, ['tag', name, 'swept:1']);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), [], at);
    assert.deepEqual(listLayers(root).sort(), [...trees.keys()].sort(), at);
    for (const [chainId, tree] of trees) assert.deepEqual(layerTree(root, chainId, since), tree, at);
  });
  assert.ok(killed > chosen.length * 0.8, `only ${killed} runs were killed`);
  assert.ok(visible > 0, 'no kill came after the image was recorded');
});

test('killed at any time while worker threads unpack', { skip: missing('root') }, async (t) => {
  const folder = tempDir(t);
  const big = (seed: string) => tar(file(seed, '', { content: randomBytes(1_500_000) }), file(`${seed}.small`, seed));
  const { name } = await serveImage(t, { layers: [big('a'), big('b'), big('c')], compression: 'none' });
  const started = performance.now();
  assert.equal((await cli('tspull', join(folder, 'clean'), ['-q', name])).status, 0);
  const whole = performance.now() - started;
  for (let round = 0; round < 16; round++) {
    const root = join(folder, `round-${round}`);
    const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', name], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await delay(whole * (0.2 + 0.8 * (round / 16)));
    child.kill('SIGKILL');
    await ended;
    if (!existsSync(root)) continue;
    checkStore(root, { leftovers: true });
    await pull(name, { root });
    await cli('tsimage', root, ['tag', name, 'swept:1']);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), []);
  }
});
