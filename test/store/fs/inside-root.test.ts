import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findInRoot, makeDirectoriesInRoot, readTextInRoot } from '../../../store/fs/inside-root.js';
import { removeTree } from '../../../store/fs/remove-tree.js';
import { tempDir } from '../../support/temp.js';

function makeRoot(t: TestContext): { outside: string; inside: string; root: number } {
  const outside = tempDir(t);
  const inside = join(outside, 'root');
  mkdirSync(join(inside, 'etc'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(inside, 'etc', 'file'), 'text');
  const root = openSync(inside, 'r');
  t.after(() => closeSync(root));
  return { outside, inside, root };
}

test('links lead nowhere outside', (t) => {
  const { outside, inside, root } = makeRoot(t);
  symlinkSync(join(outside, 'secret'), join(inside, 'absolute'));
  symlinkSync('../../../secret', join(inside, 'dots'));
  symlinkSync('/etc/file', join(inside, 'fine'));
  symlinkSync('loop', join(inside, 'loop'));
  for (const path of ['absolute', 'dots', '../secret', '/../../secret', 'loop', 'etc/file/x', 'x'.repeat(300)])
    assert.equal(readTextInRoot(root, path, 100), undefined, path.slice(0, 20));
  assert.equal(readTextInRoot(root, 'fine', 100), 'text');
  assert.equal(readTextInRoot(root, '/etc/../etc/file', 2), 'te');
});

test('what is no regular file is not read', (t) => {
  const { inside, root } = makeRoot(t);
  execFileSync('mkfifo', [join(inside, 'fifo')]);
  symlinkSync('/proc/self/fd/0', join(inside, 'magic'));
  for (const path of ['fifo', 'etc', 'magic']) assert.equal(readTextInRoot(root, path, 100), undefined);
});

test('directories are made inside, through links too', (t) => {
  const { outside, inside, root } = makeRoot(t);
  symlinkSync(join(outside, 'made'), join(inside, 'absolute'));
  symlinkSync('../../../up', join(inside, 'dots'));
  symlinkSync('dangling/deep', join(inside, 'etc', 'relative'));
  for (const path of ['/a/b/c', 'absolute/x', 'dots/y', 'etc/relative/z', 'a/../../../q'])
    closeSync(makeDirectoriesInRoot(root, path));
  assert.deepEqual(readdirSync(outside).sort(), ['root', 'secret']);
  assert.ok(statSync(join(inside, 'a', 'b', 'c')).isDirectory());
  assert.ok(existsSync(join(inside, 'up', 'y')));
  assert.ok(existsSync(join(inside, 'etc', 'dangling', 'deep', 'z')));
  assert.throws(() => makeDirectoriesInRoot(root, '/etc/file/x'), /ENOTDIR/);
});

test('nothing is found where nothing is', (t) => {
  const { root } = makeRoot(t);
  assert.equal(findInRoot(root, 'nope'), undefined);
});

test('a tree is removed whole, and no link followed', (t) => {
  const { outside, inside } = makeRoot(t);
  symlinkSync(outside, join(inside, 'link'));
  mkdirSync(join(inside, '.removing-0-0'));
  writeFileSync(Buffer.concat([Buffer.from(`${inside}/`), Buffer.from([0xff, 0xfe])]), 'x');
  mkdirSync(join(inside, 'a', 'b', 'c'), { recursive: true });
  for (const name of ['a/f', 'a/b/f', 'a/b/c/f']) writeFileSync(join(inside, name), '');
  removeTree(inside);
  assert.deepEqual(readdirSync(outside), ['secret']);
  removeTree(inside);
});
