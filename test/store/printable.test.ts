import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from '../../store/printable.js';

const cases: [string, string][] = [
  ['plain text, é, 中, 😀', 'plain text, é, 中, 😀'],
  ['\u001b[2J\u0007', '\\x1b[2J\\x07'],
  ['a\nb\r\tc\u0000', 'a\\x0ab\\x0d\\x09c\\x00'],
  ['\u009b31m\u007f', '\\x9b31m\\x7f'],
  ['user\u202egnp.exe', 'user\\u202egnp.exe'],
  ['\u2066x\u2069\u200b\ufeff', '\\u2066x\\u2069\\u200b\\ufeff'],
  ['line\u2028line', 'line\\u2028line'],
  ['\ud800x', '\\ud800x'],
  ['\u{e0041}', '\\u{e0041}'],
];

for (const [text, expected] of cases) {
  test(`printable(${JSON.stringify(text)})`, () => assert.equal(printable(text), expected));
}

test('long text is cut', () => {
  assert.equal(printable('abcdef', 4), 'abc…');
  assert.equal(printable('abcd', 4), 'abcd');
  assert.equal(printable('x'.repeat(5_000_000)).length, 1000);
  assert.equal(printable('\u001b'.repeat(100), 10).length, 10);
  assert.equal(printable('ab😀', 3), 'ab…');
  assert.equal(printable(`abc😀x`, 5), 'abc…');
});
