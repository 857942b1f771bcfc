import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesFrom, randomNames } from '../../../store/layers/layer-names.js';
import { type ChainId, digestOf } from '../../../store/oci/digest.js';

test('names from a chainID are well-formed, and differ with it', () => {
  const chains = Array.from({ length: 5000 }, (_, at) => digestOf(String(at)) as string as ChainId);
  const names = chains.map(namesFrom);
  for (const { cacheId, link } of [...names, randomNames()]) {
    assert.match(cacheId, /^[0-9a-f]{64}$/);
    assert.doesNotMatch(cacheId, /^[0-9]{12}/);
    assert.match(link, /^[A-Z2-7]{26}$/);
  }
  assert.equal(new Set(names.flatMap(({ cacheId, link }) => [cacheId, link])).size, 2 * names.length);
  assert.deepEqual(chains.map(namesFrom), names);
});
