import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readImageIndex } from '../../../src/images/find.js';
import { listImages } from '../../../src/images/list.js';
import { type RemovedItem, removeImage } from '../../../src/images/remove.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { addDigest } from '../../../store/images/repositories.js';
import { updateRepositories } from '../../../store/images/repositories-file.js';
import { listLayers, readChain } from '../../../store/layers/layer-db.js';
import { holdLayer } from '../../../store/layers/lease.js';
import { chainIdsOf, digestOf, hexOf, type ImageId } from '../../../store/oci/digest.js';
import { openForWriting } from '../../../store/store.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

async function remove(root: string, name: string, options = {}): Promise<string[]> {
  using store = await openForWriting(root);
  const items = await removeImage(store, name, options);
  return items.map((item: RemovedItem) => ('untagged' in item ? item.untagged : item.deleted));
}

function chainOf(root: string, id: ImageId) {
  return chainIdsOf(openImageDb(root).get(id)?.diffIds ?? []);
}

const caches = (root: string) => readdirSync(join(root, 'overlay2')).filter((name) => name !== 'l').length;

test('layers that another image has stay, the rest goes from the top', async (t) => {
  const root = tempDir(t);
  const [one, two] = await makeImages(root, [
    { layers: ['a', 'b', 'c'], tags: ['one:1'] },
    { layers: ['a', 'x'], tags: ['two:1'] },
  ]);
  assert.ok(one && two);
  const [, b, c] = chainOf(root, one);
  assert.deepEqual(await remove(root, 'one:1'), ['one:1', one, c, b]);
  assert.equal(listLayers(root).length, 2);
  assert.equal(caches(root), 2);
  const [a, x] = chainOf(root, two);
  assert.deepEqual(await remove(root, hexOf(two).slice(0, 8)), ['two:1', two, x, a]);
  assert.equal(caches(root), 0);
  assert.deepEqual(readdirSync(join(root, 'overlay2/l')), []);
});

test('a layer below a container stays, and the image with it unless forced', async (t) => {
  const root = tempDir(t);
  const [id] = await makeImages(root, [{ layers: ['a', 'b'], tags: ['used:1', 'used:2'] }]);
  assert.ok(id);
  const container = 'c'.repeat(64);
  const mount = join(root, 'image/overlay2/layerdb/mounts', container);
  mkdirSync(mount);
  writeFileSync(join(mount, 'parent'), chainOf(root, id).at(-1) ?? '');
  const own = join(root, 'tspull/containers', container);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'record.json'), JSON.stringify({ id: container, image: { id } }));

  assert.deepEqual(await remove(root, 'used:1'), ['used:1'], 'another name is left');
  await assert.rejects(remove(root, 'used:2'), {
    code: 'E_CONFLICT',
    message: `conflict: unable to remove repository reference "used:2" (must force) - container cccccccccccc is using its referenced image ${hexOf(id).slice(0, 12)}`,
  });
  await assert.rejects(remove(root, id), {
    message: /\(must be forced\) - image is being used by stopped container cccccccccccc$/,
  });
  assert.deepEqual(await remove(root, id, { force: true }), ['used:2', id]);
  assert.equal(listLayers(root).length, 2, 'the mount pins the layers');
});

test('a layer that a pull relies on is left alone', async (t) => {
  const root = tempDir(t);
  const [id] = await makeImages(root, [{ layers: ['a', 'b'], tags: ['x:1'] }]);
  assert.ok(id);
  const chain = chainOf(root, id);
  const [low, top] = chain;
  assert.ok(low && top);
  using lease = await holdLayer(root, low, 'shared');
  assert.deepEqual(await remove(root, 'x:1'), ['x:1', id, top]);
  assert.equal(readChain(root, low)?.length, 1);
  lease.release();
});

test('digests go with the last tag of their repository', async (t) => {
  const root = tempDir(t);
  const [id] = await makeImages(root, [{ layers: ['a'], tags: ['x:1', 'y:1'] }]);
  assert.ok(id);
  const digest = digestOf('manifest');
  updateRepositories(root, (names) => addDigest(addDigest(names, 'x', digest, id), 'y', digest, id));
  await assert.rejects(remove(root, id), { message: /must be forced.*multiple repositories/ });
  assert.deepEqual(await remove(root, 'x'.concat(':1')), ['x:1', `x@${digest}`]);
  assert.deepEqual((await remove(root, 'y:1')).slice(0, 3), ['y:1', `y@${digest}`, id]);
});

test('an image that another was built from stays, and goes with it', async (t) => {
  const root = tempDir(t);
  const [parent, child] = await makeImages(root, [
    { layers: ['a'], tags: [] },
    { layers: ['a', 'b'], tags: ['child:1'] },
  ]);
  assert.ok(parent && child);
  openImageDb(root).setParent(child, parent);
  assert.deepEqual(
    listImages(readImageIndex(root)).map(({ id }) => id),
    [child],
  );
  assert.equal(listImages(readImageIndex(root), { all: true }).length, 2);
  await assert.rejects(remove(root, parent, { force: true }), {
    message: /cannot be forced\) - image has dependent child images/,
  });
  const [b, a] = [...chainOf(root, child)].reverse();
  assert.deepEqual(await remove(root, 'child:1'), ['child:1', child, b, parent, a]);
});

test('killed at any moment, a removal leaves images that are whole or gone, and the next one finishes', async (t) => {
  const root = tempDir(t);
  const images = Array.from({ length: 30 }, (_, index) => ({
    layers: ['base', `m${index}`, `t${index}`],
    tags: [`image:${index}`],
  }));
  await makeImages(root, images);
  const url = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
  const script = `
    import { openForWriting } from ${url('store/store.js')};
    import { removeImage } from ${url('src/images/remove.js')};
    const store = await openForWriting(${JSON.stringify(root)});
    process.send('ready');
    for (const name of process.argv.slice(1)) await removeImage(store, name);`;
  for (let round = 0; round < 4; round++) {
    const names = listImages(readImageIndex(root)).flatMap(({ tags }) => tags.map(({ key }) => key));
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...names], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await new Promise((resolve) => child.once('message', resolve));
    await delay(3 + round * 4);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    for (const record of openImageDb(root).list()) {
      const top = chainIdsOf(record.diffIds).at(-1);
      assert.ok(top && readChain(root, top)?.length === 3, 'every image that is listed has all its layers');
    }
  }
  for (const id of openImageDb(root).ids()) await remove(root, id, { force: true });
  assert.deepEqual(openImageDb(root).ids(), []);
});

test('5000 images are listed in bounded time', async (t) => {
  const root = tempDir(t);
  const dir = join(root, 'image/overlay2/imagedb/content/sha256');
  await makeImages(root, [{ layers: ['a', 'b'] }]);
  const [first] = openImageDb(root).list();
  for (let index = 0; index < 5000; index++) {
    const bytes = Buffer.from(JSON.stringify({ ...first?.document, comment: String(index) }));
    writeFileSync(join(dir, hexOf(digestOf(bytes))), bytes);
  }
  const start = performance.now();
  assert.equal(listImages(readImageIndex(root)).length, 5001);
  const elapsed = performance.now() - start;
  assert.ok(elapsed < 5000, `${elapsed} ms`);
});
