/** Policies carried out on real roots. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RetentionPolicy } from '../../../../src/images/retention/policy.js';
import { planPrune, type Retained, retainImages } from '../../../../src/images/retention/retain.js';
import { randomId } from '../../../../store/fs/random-id.js';
import { openImageDb } from '../../../../store/images/image-db.js';
import { recordUse } from '../../../../store/images/last-use.js';
import { readRepositories } from '../../../../store/images/repositories-file.js';
import { listLayers, readChain } from '../../../../store/layers/layer-db.js';
import { holdLayer, tryHoldLayer } from '../../../../store/layers/lease.js';
import { chainIdsOf, type ImageId } from '../../../../store/oci/digest.js';
import { openForWriting } from '../../../../store/store.js';
import { type Random, randomFrom } from '../../../fuzz/random.js';
import { makeImages } from '../../../support/image-root.js';
import { isLongForm } from '../../../support/long-form.js';
import { tempDir } from '../../../support/temp.js';

const DAY = 86_400_000;
const ROOTS = isLongForm ? 150 : 25;

async function retain(root: string, policy: RetentionPolicy): Promise<Retained> {
  using store = await openForWriting(root);
  return await retainImages(store, { policy, all: true, filters: [], signal: new AbortController().signal });
}

function addContainer(root: string, image: ImageId): void {
  const container = join(root, 'tspull/containers', randomId());
  mkdirSync(container);
  writeFileSync(join(container, 'record.json'), JSON.stringify({ image: { id: image } }));
}

const namesOf = (root: string): string[] => [...readRepositories(root).values()].flatMap((keys) => [...keys.keys()]);
const usedDaysAgo = (root: string, image: ImageId | undefined, days: number): void => {
  if (image !== undefined) recordUse(root, image, new Date(Date.now() - days * DAY));
};

/** Every image that is left has all its layers, and every layer an owner. */
function checkRoot(root: string, shown: string): void {
  const images = openImageDb(root).list();
  const owned = new Set(images.flatMap(({ diffIds }) => chainIdsOf(diffIds)));
  for (const { id, diffIds } of images) {
    const top = chainIdsOf(diffIds).at(-1);
    assert.equal(top === undefined ? 0 : readChain(root, top)?.length, diffIds.length, `${shown}: ${id} lacks layers`);
  }
  assert.deepEqual(listLayers(root).sort(), [...owned].sort(), shown);
  for (const id of [...readRepositories(root).values()].flatMap((keys) => [...keys.values()]))
    assert.ok(openImageDb(root).get(id), `${shown}: a name of ${id} is left`);
}

function randomPolicy(random: Random): RetentionPolicy {
  return {
    ...(random.chance(0.5) && { keepLast: 1 + random.below(2) }),
    ...(random.chance(0.5) && { unusedForMs: random.below(20) * DAY }),
    ...(random.chance(0.5) && { maxBytes: random.below(60) }),
    pins: random.chance(0.3) ? ['base'] : [],
  };
}

test('what a dry run says is what happens, and nothing that must stay goes', async (t) => {
  for (let seed = 1; seed <= ROOTS; seed++) {
    const random = randomFrom(seed);
    const root = tempDir(t);
    const made = Array.from({ length: 1 + random.below(7) }, (_, at) => ({
      layers: ['a', ...['b', 'c', `d${at}`].filter(() => random.chance(0.5))],
      tags: ['base', 'app', 'x/y'].filter(() => random.chance(0.4)).map((name) => `${name}:${at}`),
      config: { created: `2024-01-0${1 + random.below(9)}T00:00:00Z`, at },
    }));
    const ids = await makeImages(root, made);
    for (const id of ids) usedDaysAgo(root, id, random.below(30));
    const used = ids.filter(() => random.chance(0.2));
    for (const id of used) addContainer(root, id);
    const policy = randomPolicy(random);
    const shown = `root ${seed}: ${JSON.stringify(policy)}`;
    const said = planPrune(root, { policy, all: true, filters: [] });
    const { items, freed, left } = await retain(root, policy);
    checkRoot(root, shown);
    const deleted = items.flatMap((item) => ('deleted' in item ? [item.deleted as string] : []));
    const planned = said.removals.map(({ image }) => image.id as string);
    assert.deepEqual(
      deleted.filter((id) => (ids as string[]).includes(id)),
      planned,
      shown,
    );
    assert.equal(freed, said.before - said.after, shown);
    assert.equal(left.after, listLayers(root).length * 7, shown);
    assert.equal(left.removals.length, 0, shown);
    for (const id of used) assert.ok(openImageDb(root).get(id), `${shown}: a used image went`);
    for (const [at, { tags }] of made.entries())
      if (policy.pins?.length && tags.some((tag) => tag.startsWith('base:')))
        assert.ok(openImageDb(root).get(ids[at] as ImageId), `${shown}: a pinned image went`);
    if (policy.maxBytes !== undefined && left.after > policy.maxBytes)
      assert.ok(
        left.kept.every(({ why }) => why !== '' && why !== 'there is room for it'),
        shown,
      );
  }
});

test('unused-for goes by the last use, and by the arrival of what was never used', async (t) => {
  const root = tempDir(t);
  const [old, recent] = await makeImages(root, [
    { layers: ['a'], tags: ['old:1'] },
    { layers: ['b'], tags: ['recent:1'] },
    { layers: ['c'], tags: ['arrived:1'] },
  ]);
  usedDaysAgo(root, old, 31);
  usedDaysAgo(root, recent, 29);
  const { items } = await retain(root, { unusedForMs: 30 * DAY });
  assert.deepEqual(items.slice(0, 2), [{ untagged: 'old:1' }, { deleted: old }]);
  assert.deepEqual(namesOf(root), ['arrived:1', 'recent:1']);
  assert.deepEqual(readdirSync(join(root, 'tspull/used')), [recent?.slice(7)], 'a time of an image that is gone');
});

test('an image that somebody is at work with stays, and the quota takes the next one', async (t) => {
  const root = tempDir(t);
  const [held, next, last] = await makeImages(
    root,
    ['a', 'b', 'c'].map((name) => ({ layers: [name], tags: [`${name}:1`] })),
  );
  for (const [at, id] of [held, next, last].entries()) usedDaysAgo(root, id, 9 - at);
  const [layer] = chainIdsOf(openImageDb(root).get(held as ImageId)?.diffIds ?? []);
  assert.ok(layer);
  const lease = await holdLayer(root, layer, 'shared');
  const { left } = await retain(root, { maxBytes: 14 });
  lease.release();
  assert.deepEqual(namesOf(root), ['a:1', 'c:1']);
  assert.equal(left.after, 14);
  assert.match(left.kept.find(({ image }) => image.id === held)?.why ?? '', /is at work with it/);
});

test('layers that a killed program left are collected, those of others and those in work are not', async (t) => {
  const root = tempDir(t);
  const [, lost, , strange] = await makeImages(root, [
    { layers: ['a', 'b'], tags: ['a:1'] },
    { layers: ['a', 'x', 'y'], tags: ['x:1'] },
    { layers: ['a', 'x', 'z'], tags: ['z:1'] },
    { layers: ['s'], tags: ['s:1'] },
  ]);
  const images = openImageDb(root);
  const [, x, y] = chainIdsOf(images.get(lost as ImageId)?.diffIds ?? []);
  assert.ok(x && y);
  for (const layer of [x, y]) tryHoldLayer(root, layer, 'exclusive')?.release();
  // As a removal that was killed after the config was gone.
  for (const id of [lost, strange]) images.remove(id as ImageId);
  const held = await holdLayer(root, y, 'shared');
  assert.deepEqual((await retain(root, { keepLast: 9 })).items, []);
  held.release();
  assert.deepEqual((await retain(root, { keepLast: 9 })).items, [{ deleted: y }]);
  assert.equal(listLayers(root).length, 5);
  assert.equal(existsSync(join(root, 'tspull/locks', y.slice(7))), false);
});
