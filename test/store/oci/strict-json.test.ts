import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Json, parseStrictJson } from '../../../store/oci/strict-json.js';

const parse = (text: string | Buffer, numbers: 'integers' | 'any' = 'integers'): Json =>
  parseStrictJson(Buffer.from(text as string), { what: 'manifest', numbers });

const good = [
  'null',
  ' true ',
  '-12',
  '9007199254740991',
  '""',
  '[]',
  '{}',
  '[1,[2,{"a":[]}]]',
  '{"a":{"A":1},"b":"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00é😀"}',
  '\r\n\t{ "a" : [ 1 , 2 ] }\n',
];
for (const text of good) test(`accepts ${text}`, () => assert.deepEqual(parse(text), JSON.parse(text)));

/** text, part of the message */
const bad: [string | Buffer, string][] = [
  ['', 'no value'],
  ['\ufeff{}', 'byte order mark'],
  ['{} {}', 'text after its end'],
  ['{}\u0000', 'text after its end'],
  ['{"a":1,"a":2}', 'the key "a" twice'],
  ['{"a":1,"\\u0061":2}', 'the key "a" twice'],
  ['{"__proto__":1,"__proto__":2}', 'twice'],
  ['[1e2]', 'not an exact integer'],
  ['[1.0]', 'not an exact integer'],
  ['[-0]', 'not an exact integer'],
  ['[9007199254740993]', 'not an exact integer'],
  ['[9007199254740992]', 'not an exact integer'],
  ['[NaN]', 'no value'],
  ['[Infinity]', 'no value'],
  ['[+1]', 'no value'],
  ['[01]', 'does not end'],
  ['[0x10]', 'does not end'],
  ['[.5]', 'no value'],
  ['// comment\n{}', 'no value'],
  ['{/**/}', 'no valid string'],
  ["{'a':1}", 'no valid string'],
  ['{a:1}', 'no valid string'],
  ['{"a" 1}', 'no colon'],
  ['{"a":1,}', 'no valid string'],
  ['[1,]', 'no value'],
  ['[1', 'does not end'],
  ['{"a":1', 'does not end'],
  ['["a]', 'no valid string'],
  ['["a\nb"]', 'no valid string'],
  ['["\\x41"]', 'no valid string'],
  ['["\\u12"]', 'no valid string'],
  ['["\\ud800"]', 'half of a surrogate pair'],
  ['["\\udc00\\ud800"]', 'half of a surrogate pair'],
  [Buffer.from([0x22, 0xff, 0x22]), 'not UTF-8'],
  [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not UTF-8'],
  ['['.repeat(2_000_000), 'too many levels'],
  ['{"a":'.repeat(2_000_000), 'too many levels'],
  ['tru', 'no value'],
  ['truefalse', 'text after its end'],
];
for (const [text, message] of bad) {
  test(`refuses ${JSON.stringify(text.toString().slice(0, 40))}`, () => {
    assert.throws(
      () => parse(text),
      (error: Error) => error.message.includes(message) && 'code' in error && error.code === 'E_DOCUMENT',
    );
  });
}

test('other numbers are numbers where they are allowed', () => {
  assert.deepEqual(parse('[1e2,1.5,-0.1]', 'any'), [100, 1.5, -0.1]);
});

test('keys of every kind are data', () => {
  const text = '{"__proto__":{"x":1},"constructor":2,"toString":3,"hasOwnProperty":4}';
  const value = parse(text) as Record<string, Json>;
  assert.deepEqual(Object.keys(value), ['__proto__', 'constructor', 'toString', 'hasOwnProperty']);
  assert.equal(JSON.stringify(value), text);
  assert.equal(({} as { x?: number }).x, undefined);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

test('a large document takes no long time', () => {
  const text = JSON.stringify(Array.from({ length: 100_000 }, (_, i) => ({ digest: `sha256:${i}`, size: i })));
  const started = process.cpuUsage();
  parse(text);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 2e6, `${user + system} µs`);
});

test('a string may be as long as the document', () => {
  for (const part of ['x', '\\n', '\\"', '\\\\', 'é']) {
    const text = `["${part.repeat(4 * 1024 * 1024)}"]`;
    assert.deepEqual(parse(text), JSON.parse(text), part);
    assert.throws(() => parse(text.slice(0, -2)), { code: 'E_DOCUMENT' }, part);
  }
});
