import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGoTime, printGoTime, unixSeconds, zeroTime } from '../../../src/images/go-time.js';
import { parseUntil } from '../../../src/images/until.js';

test('times keep nanoseconds and offset, and lose zeros at the end', () => {
  const cases: [text: string, shown: string, printed: string][] = [
    ['2020-01-02T03:04:05.678901234Z', '2020-01-02T03:04:05.678901234Z', '2020-01-02 03:04:05.678901234 +0000 UTC'],
    ['2020-01-02T03:04:05.600Z', '2020-01-02T03:04:05.6Z', '2020-01-02 03:04:05.6 +0000 UTC'],
    ['2020-01-02T03:04:05.000Z', '2020-01-02T03:04:05Z', '2020-01-02 03:04:05 +0000 UTC'],
    ['2020-01-02T03:04:05+00:00', '2020-01-02T03:04:05Z', '2020-01-02 03:04:05 +0000 UTC'],
    ['2020-01-02T03:04:05.5+02:00', '2020-01-02T03:04:05.5+02:00', '2020-01-02 03:04:05.5 +0200 +0200'],
  ];
  for (const [text, shown, printed] of cases) {
    assert.equal(parseGoTime(text).text, shown);
    assert.equal(printGoTime(parseGoTime(text)), printed);
  }
  assert.equal(parseGoTime('1970-01-01T00:00:01.5Z').nanoseconds, 1_500_000_000n);
  assert.equal(unixSeconds(parseGoTime('1969-12-31T23:59:59.5Z')), -1);
});

test('what is no time is the year 1', () => {
  for (const value of [
    undefined,
    null,
    7,
    '',
    'yesterday',
    '2020-13-01T00:00:00Z',
    '2020-01-01',
    '2020-01-01T00:00:00',
  ])
    assert.equal(parseGoTime(value), zeroTime, String(value));
  assert.equal(unixSeconds(zeroTime), -62_135_596_800);
});

test('until takes durations, dates and seconds', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const at = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;
  assert.equal(parseUntil('24h', now), at('2026-01-01T00:00:00Z'));
  assert.equal(parseUntil('1h30m', now), at('2026-01-01T22:30:00Z'));
  assert.equal(parseUntil('1.5s', now), at('2026-01-01T23:59:58.500Z'));
  assert.equal(parseUntil('2020-01-01T00:00:00Z', now), at('2020-01-01T00:00:00Z'));
  assert.equal(parseUntil('2020-01-01T10:00', now), at('2020-01-01T10:00'));
  assert.equal(parseUntil('2020-01-01', now), at('2020-01-01T00:00:00'));
  assert.equal(parseUntil('1700000000.5', now), 1_700_000_000_500_000_000n);
  for (const text of ['', 'soon', '-1h', '1d', '2020-99-01', '9'.repeat(400)])
    assert.throws(() => parseUntil(text, now), { code: 'E_USAGE' }, text);
});
