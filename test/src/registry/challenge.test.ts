import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from '../../../src/registry/challenge.js';

/** header, what it means: scheme and parameters of each challenge */
const cases: [string, [string, Record<string, string>][]][] = [
  ['Basic realm="x"', [['basic', { realm: 'x' }]]],
  ['BASIC REALM="x"', [['basic', { realm: 'x' }]]],
  [
    'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull"',
    [['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull' }]],
  ],
  ['Bearer realm="a" , service = "s"', [['bearer', { realm: 'a', service: 's' }]]],
  ['Bearer realm="a",scope="repository:a:pull,push"', [['bearer', { realm: 'a', scope: 'repository:a:pull,push' }]]],
  ['Bearer realm="a\\"b\\\\c\\d"', [['bearer', { realm: 'a"b\\cd' }]]],
  ['Bearer realm=""', [['bearer', { realm: '' }]]],
  ['Bearer realm=plain', [['bearer', { realm: 'plain' }]]],
  [
    'Basic realm="x", Bearer realm="y",service="z"',
    [
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y', service: 'z' }],
    ],
  ],
  [
    'Bearer realm="y",service="z",Basic realm="x"',
    [
      ['bearer', { realm: 'y', service: 'z' }],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Negotiate, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Negotiate YIIabc==, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  ['Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
  [',, Bearer realm="a",, service="s" ,', [['bearer', { realm: 'a', service: 's' }]]],
  ['Bearer realm="unfinished', [['bearer', {}]]],
  [
    'Bearer realm="a" junk "more"',
    [
      ['bearer', { realm: 'a' }],
      ['junk', {}],
    ],
  ],
  ['Bearer __proto__="a",constructor="b"', [['bearer', { ['__proto__']: 'a', constructor: 'b' }]]],
  ['', []],
  ['"quoted"', []],
  ['=', []],
];
for (const [header, expected] of cases) {
  test(`${header === '' ? 'nothing' : header}`, () => {
    const found = parseChallenges(header).map(({ scheme, parameters }) => [scheme, [...parameters]]);
    assert.deepEqual(
      found,
      expected.map(([scheme, parameters]) => [scheme, Object.entries(parameters)]),
    );
  });
}

test('a hostile header takes no long time', () => {
  const started = performance.now();
  for (const part of ['a', 'a,', 'a=', 'a="', '\\"', ' ', ',', 'a="\\"",', 'Bearer a=b,'])
    parseChallenges(`Bearer realm="${part.repeat(16_000)}`) && parseChallenges(part.repeat(16_000));
  assert.ok(performance.now() - started < 1000);
});
