import assert from 'node:assert/strict';
import { test } from 'node:test';
import { images } from '../../../src/index.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

test('prune: a dry run has the plan, a removal what is left of it', async (t) => {
  const root = tempDir(t);
  const [old, recent] = await makeImages(root, [
    { layers: ['a', 'b'], tags: ['app:1'], config: { created: '2024-01-01T00:00:00Z' } },
    { layers: ['a', 'c'], tags: ['app:2'], config: { created: '2024-01-02T00:00:00Z' } },
    { layers: ['d'] },
  ]);
  const policy = { keepLast: 1 };
  const said = await images.prune({ root, policy, dryRun: true });
  assert.deepEqual([said.items, said.freed, said.plan.before, said.plan.after], [[], 0, 28, 14]);
  assert.equal(said.plan.removals.length, 2);
  assert.ok(said.plan.removals.some(({ image, unique }) => image.id === old && unique === 7));
  assert.equal(images.list({ root }).length, 3);
  // Without a policy, what has no tag.
  assert.equal((await images.prune({ root })).freed, 7);
  const done = await images.prune({ root, policy });
  assert.deepEqual(
    [done.freed, done.plan.removals, done.plan.kept.map(({ image, why }) => [image.id, why])],
    [7, [], [[recent, 'among the last 1 of app']]],
  );
  await assert.rejects(images.prune({ root, policy: { maxBytes: 1, pins: ['['] } }), { code: 'E_USAGE' });
  assert.equal(images.list({ root }).length, 1);
});
