import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes, goJsonString } from '../../../store/oci/go-json.js';

test('strings are escaped as Go escapes them', () => {
  const cases: [text: string, expected: string][] = [
    ['plain', '"plain"'],
    ['<a&b>', '"\\u003ca\\u0026b\\u003e"'],
    ['\u2028\u2029', '"\\u2028\\u2029"'],
    ['quote " back \\', '"quote \\" back \\\\"'],
    ['\n\r\t\u0001\u001b', '"\\n\\r\\t\\u0001\\u001b"'],
    ['ü 😀', '"ü 😀"'],
    ['half \ud800', '"half \ufffd"'],
  ];
  for (const [text, expected] of cases) assert.equal(goJsonString(text), expected);
  assert.equal(goJsonString('<&>\u2028', false), '"<&>\\u2028"');
});

test('keys sort by UTF-8 bytes, not by UTF-16 units', () => {
  const keys = ['\u{1f600}', '\uff5e', 'b', 'B', 'a'];
  assert.deepEqual([...keys].sort(compareBytes), ['B', 'a', 'b', '\uff5e', '\u{1f600}']);
});
