import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, ellipsis } from '../../../src/cli/display-width.js';
import { alignColumns } from '../../../src/cli/table.js';

test('columns are as wide as the widest cell and three, ten at least, the last one not padded', () => {
  assert.equal(alignColumns('A\tB\tC\n1\t2\t3\n'), 'A         B         C\n1         2         3\n');
  assert.equal(alignColumns('NAME\tX\nlong-name-here\tyy\n'), 'NAME             X\nlong-name-here   yy\n');
  assert.equal(alignColumns('a\tb\t\n'), 'a         b         \n');
  assert.equal(alignColumns(''), '');
});

test('a line without the cell ends a column', () => {
  assert.equal(alignColumns('looooooooooong\tx\nplain\na\tx\n'), 'looooooooooong   x\nplain\na         x\n');
});

test('wide characters take two columns', () => {
  assert.equal(displayWidth('漢字a'), 5);
  assert.equal(alignColumns('漢字漢字漢\tx\nabc\tx\n'), '漢字漢字漢   x\nabc          x\n');
  assert.equal(ellipsis('漢字漢字', 6), '漢字…');
  assert.equal(ellipsis('abcdef', 5), 'abcd…');
  assert.equal(ellipsis('abcde', 5), 'abcde');
});
