import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrder } from '../../../src/pull/start-order.js';

/** When the last layer ends if each takes as long as its size says. */
function duration(order: readonly number[], places: number): number {
  const free = Array.from({ length: places }, () => 0);
  for (const size of order) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + size;
  }
  return Math.max(...free);
}

const order = (sizes: readonly number[], places: number): number[] => startOrder(sizes, places, (size) => size);

test('the lowest first, as long as no layer has to hurry', () => {
  assert.deepEqual(order([1, 5, 4, 3, 2, 1], 2), [1, 5, 4, 3, 2, 1]);
  assert.deepEqual(order([3, 1, 2], 1), [3, 1, 2]);
  assert.deepEqual(order([], 2), []);
});

test('a large layer at the top does not wait for all the others', () => {
  assert.equal(order([1, 1, 1, 1, 8], 2)[0], 8);
  const sizes = [1, 56, 89, 50, 88, 54, 52, 52, 58, 93];
  assert.deepEqual(order(sizes, 2).slice(0, 6), sizes.slice(0, 6));
  assert.equal(duration(sizes, 2), 323);
  assert.ok(duration(order(sizes, 2), 2) <= 306);
});

test('each layer is begun once', () => {
  const sizes = Array.from({ length: 100 }, (_, at) => (at * 7919) % 101);
  for (const places of [1, 2, 3, 200]) {
    const begun = order(sizes, places);
    assert.deepEqual(
      [...begun].sort((a, b) => a - b),
      [...sizes].sort((a, b) => a - b),
    );
  }
});
