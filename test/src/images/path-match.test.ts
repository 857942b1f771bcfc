import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from '../../../src/images/path-match.js';

test('patterns match as Go’s path.Match does', () => {
  const cases: [pattern: string, name: string, expected: boolean][] = [
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'x', true],
    ['[x\\-]', 'z', false],
    ['*x', 'xxx', true],
    ['', '', true],
    ['*', '', true],
    ['?', '', false],
  ];
  for (const [pattern, name, expected] of cases)
    assert.equal(compilePattern(pattern)(name), expected, `${pattern} on ${name}`);
});

test('malformed patterns are refused', () => {
  for (const pattern of ['[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[', '[^', '[^bc', 'a[', 'a[b', '\\'])
    assert.throws(() => compilePattern(pattern), { message: 'syntax error in pattern' }, pattern);
});

test('a pattern of stars is not slow', () => {
  assert.equal(compilePattern(`${'*a'.repeat(200)}b`)('a'.repeat(4000)), false);
});
