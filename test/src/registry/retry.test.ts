import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxWaitMs, parseRetryAfter, waitBefore } from '../../../src/registry/retry.js';

const now = Date.parse('2026-01-01T00:00:00Z');
const values: [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ['0', 0],
  ['7', 7000],
  ['86400', 86_400_000],
  ['99999999999999999999', 1e23],
  ['-1', undefined],
  ['1.5', undefined],
  ['abc', undefined],
  ['', undefined],
  ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['2099', 2_099_000],
  ['2099-01-01', undefined],
];
for (const [text, expected] of values)
  test(`Retry-After: ${text}`, () => assert.equal(parseRetryAfter(text, now), expected));

test('waits grow, differ and are capped', () => {
  for (const failures of [1, 2, 3, 4, 20]) {
    const nominal = Math.min(maxWaitMs, 250 * 2 ** (failures - 1));
    const waits = Array.from({ length: 50 }, () => waitBefore(failures, undefined) ?? -1);
    assert.ok(waits.every((wait) => wait >= 0.75 * nominal && wait <= 1.25 * nominal));
    assert.ok(new Set(waits).size > 40);
  }
});

test('the server may ask for more, within limits', () => {
  assert.equal(waitBefore(1, '30'), 30_000);
  assert.equal(waitBefore(1, '60'), 60_000);
  assert.equal(waitBefore(1, '61'), undefined);
  assert.ok((waitBefore(1, '0') ?? 0) > 0);
});
