import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration, humanSize, shortId } from '../../../src/images/human.js';

test('sizes have three significant digits and decimal units', () => {
  const cases: [bytes: number, three: string, four: string][] = [
    [0, '0B', '0B'],
    [999, '999B', '999B'],
    [1000, '1kB', '1kB'],
    [1234, '1.23kB', '1.234kB'],
    [98_766, '98.8kB', '98.77kB'],
    [999_499, '999kB', '999.5kB'],
    [999_500, '1e+03kB', '999.5kB'],
    [1_980_000, '1.98MB', '1.98MB'],
    [1_500_000_000, '1.5GB', '1.5GB'],
    [123_456_789_012_345, '123TB', '123.5TB'],
  ];
  for (const [bytes, three, four] of cases) {
    assert.equal(humanSize(bytes), three);
    assert.equal(humanSize(bytes, 4), four);
  }
});

test('durations change unit where Docker changes it', () => {
  const second = 1000;
  const hour = 3600 * second;
  const day = 24 * hour;
  const cases: [milliseconds: number, words: string][] = [
    [-5, 'Less than a second'],
    [999, 'Less than a second'],
    [1000, '1 second'],
    [59_999, '59 seconds'],
    [60_000, 'About a minute'],
    [120_000, '2 minutes'],
    [59 * 60_000 + 59_000, '59 minutes'],
    [hour, 'About an hour'],
    [1.5 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
  ];
  for (const [milliseconds, words] of cases) assert.equal(humanDuration(milliseconds), words);
});

test('short ids are the first twelve digits', () => {
  assert.equal(shortId(`sha256:0123456789ab${'f'.repeat(52)}`), '0123456789ab');
});
