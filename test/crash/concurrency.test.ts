/** Many processes on one data root. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { on, trickleChunks } from '../../fixtures/registry/faults.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { type RunningRegistry, startRegistry } from '../../fixtures/registry/registry.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { type Digest, digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { temporaryFiles } from './leftovers.js';

const skip = missing('root');
/** Processes that pull one image, and images that share layers: in the quick form as many as a small machine starts in a few seconds. */
const CROWD = isLongForm ? 50 : 12;
const IMAGES = Math.ceil(CROWD * 0.4);
const layer = (name: string, bytes = 300_000): Buffer =>
  tar(file(name, '', { content: Buffer.alloc(bytes, name) }), file(`${name}.x`, name));

/** How often each blob of a layer was sent. */
function served(registry: RunningRegistry, layers: readonly Digest[]): number[] {
  return layers.map((digest) => registry.requests.filter(({ url }) => url.endsWith(`/blobs/${digest}`)).length);
}

test(`${CROWD} processes pull one image: each blob is sent once`, { skip }, async (t) => {
  const contents = emptyContents();
  const image = buildImage({ layers: ['a', 'b', 'c'].map((name) => layer(name)), compression: 'none' });
  addImage(contents, 'lib/x', '1', image);
  const registry = await startRegistry({ contents, fault: on(/\/blobs\//, trickleChunks(30_000, 100)) });
  t.after(() => registry.close());
  const root = tempDir(t);
  const name = `${registry.host}/lib/x:1`;
  const all = await Promise.all(Array.from({ length: CROWD }, () => cli('tspull', root, [name])));
  for (const { status, stderr } of all) assert.equal(status, 0, stderr);
  const layers = image.layers.map((blob) => digestOf(blob));
  assert.deepEqual(served(registry, layers), [1, 1, 1]);
  checkStore(root);
  assert.deepEqual(temporaryFiles(root), []);
});

test(`${IMAGES} images that share layers, at once: each blob is sent once, all are complete`, { skip }, async (t) => {
  const contents = emptyContents();
  const shared = [layer('base'), layer('middle')];
  const images = Array.from({ length: IMAGES }, (_, at) =>
    buildImage({ layers: [...shared, layer(`own ${at}`, 50_000)], compression: 'none' }),
  );
  for (const [at, image] of images.entries()) addImage(contents, `lib/x${at}`, '1', image);
  const registry = await startRegistry({ contents, fault: on(/\/blobs\//, trickleChunks(30_000, 50)) });
  t.after(() => registry.close());
  const root = tempDir(t);
  const all = await Promise.all(images.map((_, at) => cli('tspull', root, ['-q', `${registry.host}/lib/x${at}:1`])));
  for (const { status, stderr } of all) assert.equal(status, 0, stderr);
  const layers = [...shared, ...images.flatMap((image) => image.layers.slice(2))].map((blob) => digestOf(blob));
  assert.deepEqual(
    served(registry, layers),
    layers.map(() => 1),
  );
  assert.equal(listLayers(root).length, 2 + images.length);
  checkStore(root);
  assert.equal((await cli('tsimage', root, ['ls', '-q'])).stdout.trim().split('\n').length, images.length);
});

test('pulls and removals at random: no layer is lost, nobody waits for ever', { skip, timeout: 60_000 }, async (t) => {
  const contents = emptyContents();
  const shared = [layer('base', 20_000), layer('middle', 20_000)];
  for (const name of ['p', 'q', 'r'])
    addImage(contents, `lib/${name}`, '1', buildImage({ layers: [...shared, layer(name, 10_000)] }));
  const registry = await startRegistry({ contents });
  t.after(() => registry.close());
  const root = tempDir(t);
  const names = ['p', 'q', 'r'].map((name) => `${registry.host}/lib/${name}:1`);
  const end = Date.now() + 12_000;
  let pulls = 0;
  let removals = 0;
  const worker = async (index: number) => {
    for (let turn = index; Date.now() < end; turn += 1) {
      const name = names[turn % names.length] ?? '';
      if (turn % 2 === 0) {
        const { status, stderr } = await cli('tspull', root, ['-q', name]);
        assert.equal(status, 0, stderr);
        pulls++;
      } else {
        const { status, stderr } = await cli('tsimage', root, ['rm', name]);
        assert.ok(status === 0 || /No such image/.test(stderr), stderr);
        if (status === 0) removals++;
      }
      await delay(turn % 7);
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  assert.ok(pulls > 5 && removals > 2, `${pulls} pulls, ${removals} removals`);
  const { status, stderr } = await cli('tspull', root, ['-q', ...names]);
  assert.equal(status, 0, stderr);
  checkStore(root);
  assert.equal(listLayers(root).length, 5);
  for (const name of names) assert.equal((await cli('tsimage', root, ['rm', name])).status, 0);
  assert.deepEqual(listLayers(root), []);
  checkStore(root);
});
