/** `tscontainer ps` with simple flags takes a short way, which says what the long one says. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { plainListing } from '../../../src/cli/plain-listing.js';
import { cli } from '../../support/cli.js';
import type { CommandResult } from '../../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
/** Without the times, which go on, and the widths of columns, which depend on them. */
const atAnyTime = ({ stdout, ...rest }: CommandResult) => ({
  ...rest,
  stdout: stdout.replace(/(?:\d+|Less than a|About an?) \w+ ago/g, 'AGO').replace(/ +/g, ' '),
});
/** Means nothing, but has to be parsed. */
const longWay = '--size=false';

test('both ways print the same', { skip }, async () => {
  tsrun(root, ['--name', 'first', 'bb', 'true']);
  tsrun(root, ['--name', 'second', 'bb', 'sh', '-c', 'exit 3']);
  for (const name of ['ps', 'ls', 'list'])
    for (const flags of [[], ['-a'], ['--all', '--quiet'], ['-aq'], ['-qa', '--no-trunc'], ['-q']]) {
      const result = await cli('tscontainer', root, [name, ...flags]);
      const rows = result.stdout.split('\n').length;
      assert.equal(rows > 1, flags.length === 0 || flags.some((flag) => /a/.test(flag)), flags.join(' '));
      assert.deepEqual(atAnyTime(result), atAnyTime(await cli('tscontainer', root, [name, ...flags, longWay])));
      assert.deepEqual(atAnyTime(result), atAnyTime(await cli('tscontainer', '', [`--root=${root}`, name, ...flags])));
    }
});

test('everything else is parsed', () => {
  const words = [
    ['inspect'],
    ['ps', 'x'],
    ['ps', '-x'],
    ['ps', '--all=false'],
    ['ps', '-n', '1'],
    ['ps', '--'],
    ['ps', '-'],
  ];
  for (const all of words) assert.equal(plainListing('/nonexistent', all), undefined, all.join(' '));
});

test('what is wrong is told as the long way tells it', { skip }, async () => {
  for (const flags of [['x'], ['--nosuch'], ['--format', '{{']]) {
    const { status, stderr } = await cli('tscontainer', root, ['ps', ...flags]);
    assert.notEqual(status, 0);
    assert.notEqual(stderr, '');
  }
});
