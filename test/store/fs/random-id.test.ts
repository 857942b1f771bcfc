import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomId, randomLinkId } from '../../../store/fs/random-id.js';

test('ids are 64 hex digits and never start with twelve decimals', () => {
  const ids = Array.from({ length: 20_000 }, randomId);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.doesNotMatch(id, /^[0-9]{12}/);
  }
  assert.equal(new Set(ids).size, ids.length);
});

test('link ids are 26 base32 characters and use the whole alphabet', () => {
  const links = Array.from({ length: 500 }, randomLinkId);
  for (const link of links) assert.match(link, /^[A-Z2-7]{26}$/);
  assert.equal(new Set(links.join('')).size, 32);
  assert.equal(new Set(links).size, links.length);
});
