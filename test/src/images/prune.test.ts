import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FilterList } from '../../../src/images/image-filters.js';
import { type Pruned, pruneImages } from '../../../src/images/prune.js';
import { randomId } from '../../../store/fs/random-id.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { addDigest } from '../../../store/images/repositories.js';
import { updateRepositories } from '../../../store/images/repositories-file.js';
import { listLayers } from '../../../store/layers/layer-db.js';
import { holdLayer } from '../../../store/layers/lease.js';
import { type ChainId, chainIdsOf, digestOf, type ImageId } from '../../../store/oci/digest.js';
import { openForWriting } from '../../../store/store.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

async function prune(root: string, all: boolean, filters: FilterList = []): Promise<Pruned & { words: string[] }> {
  using store = await openForWriting(root);
  const pruned = await pruneImages(store, { all, filters, signal: new AbortController().signal });
  return { ...pruned, words: pruned.items.map((item) => ('untagged' in item ? item.untagged : item.deleted)) };
}

const chainOf = (root: string, id: ImageId | undefined): ChainId[] =>
  id === undefined ? [] : chainIdsOf(openImageDb(root).get(id)?.diffIds ?? []);

test('without all: what has no tag, and only its own layers', async (t) => {
  const root = tempDir(t);
  const [, dangling, byDigest] = await makeImages(root, [
    { layers: ['a', 'b'], tags: ['one:1'] },
    { layers: ['a', 'x'], config: { created: '2020-01-02T00:00:00Z' } },
    { layers: ['a', 'y'], config: { created: '2020-01-01T00:00:00Z' } },
  ]);
  assert.ok(dangling && byDigest);
  const digest = digestOf('manifest');
  updateRepositories(root, (names) => addDigest(names, 'two', digest, byDigest));
  const [, x] = chainOf(root, dangling);
  const [, y] = chainOf(root, byDigest);
  const { words, freed } = await prune(root, false);
  assert.deepEqual(words, [dangling, x, `two@${digest}`, byDigest, y]);
  assert.equal(freed, 14);
  assert.equal(listLayers(root).length, 2);
  assert.deepEqual((await prune(root, false)).words, []);
});

test('all: every image, except those of containers and those that somebody is at work with', async (t) => {
  const root = tempDir(t);
  const [used, pulled, free] = await makeImages(root, [
    { layers: ['a'], tags: ['used:1', 'used:2'] },
    { layers: ['b', 'c'], tags: ['pulled:1'] },
    { layers: ['b', 'd'], tags: ['free:1', 'other:1'] },
  ]);
  assert.ok(used && pulled && free);
  const container = join(root, 'tspull/containers', randomId());
  mkdirSync(container);
  writeFileSync(join(container, 'record.json'), JSON.stringify({ image: { id: used } }));
  const [b, c] = chainOf(root, pulled);
  const [, d] = chainOf(root, free);
  assert.ok(b && c && d);
  const lease = await holdLayer(root, c, 'shared');
  assert.deepEqual((await prune(root, true)).words, ['free:1', 'other:1', free, d]);
  lease.release();
  assert.deepEqual((await prune(root, true)).words, ['pulled:1', pulled, c, b]);
  assert.deepEqual(openImageDb(root).ids(), [used]);
});

test('what an image was built from goes with it, and not before it', async (t) => {
  const root = tempDir(t);
  const [parent, child] = await makeImages(root, [{ layers: ['a'] }, { layers: ['a', 'b'], tags: ['child:1'] }]);
  assert.ok(parent && child);
  openImageDb(root).setParent(child, parent);
  assert.deepEqual((await prune(root, false)).words, []);
  const [a, b] = chainOf(root, child);
  assert.deepEqual((await prune(root, true)).words, ['child:1', child, b, parent, a]);
});

test('filters', async (t) => {
  const root = tempDir(t);
  const labels = { config: { Labels: { keep: 'yes', a: '1' } } };
  const [old, labelled, recent] = await makeImages(root, [
    { layers: ['a'], tags: ['old:1'], config: { created: '2020-01-01T00:00:00Z' } },
    { layers: ['b'], tags: ['labelled:1'], config: { created: '2020-01-01T00:00:00Z', ...labels } },
    { layers: ['c'], tags: ['recent:1'], config: { created: new Date().toISOString() } },
  ]);
  await assert.rejects(prune(root, true, [['before', 'old:1']]), { code: 'E_USAGE' });
  await assert.rejects(prune(root, true, [['until', 'bogus']]), { code: 'E_USAGE' });
  assert.deepEqual((await prune(root, true, [['label', 'a=2']])).words, []);
  const first = await prune(root, true, [
    ['until', '24h'],
    ['label!', 'keep'],
  ]);
  assert.deepEqual(first.words.slice(0, 2), ['old:1', old]);
  assert.deepEqual((await prune(root, true, [['label', 'a=1']])).words.slice(0, 2), ['labelled:1', labelled]);
  assert.deepEqual(openImageDb(root).ids(), [recent]);
});
