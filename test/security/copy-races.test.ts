/** A container that swaps directories for links all the time, or has links that lead out, gets `cp` to touch nothing but its own files. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'busybox');
const ROUNDS = 40;

test('a directory that is swapped for a link while files are copied', { skip }, async (t) => {
  const root = layerRoot(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'secret'), 'of the host');
  addImage(root, [busybox], {}, 'bb');
  const swap = `mkdir /real; echo mine >/real/secret; ln -s ${outside} /away; echo ready
    while :; do ln -sfn /away /place; rm /place; mkdir /place; echo mine >/place/secret; rm -r /place; done`;
  const started = await cli('tsrun', root, ['-d', '--name', 'swapper', 'bb', 'sh', '-c', swap]);
  assert.equal(started.status, 0, started.stderr);
  try {
    const host = tempDir(t);
    writeFileSync(join(host, 'planted'), 'x');
    for (let round = 0; round < ROUNDS; round++) {
      const to = join(host, `out-${round}`);
      const results = await Promise.all([
        cli('tscontainer', root, ['cp', 'swapper:/place/secret', to]),
        cli('tscontainer', root, ['cp', '-L', 'swapper:/place', `${to}-dir`]),
        cli('tscontainer', root, ['cp', join(host, 'planted'), 'swapper:/place/planted']),
      ]);
      for (const { stderr } of results) assert.doesNotMatch(stderr, /internal error/);
      if (existsSync(to)) assert.equal(readFileSync(to, 'utf8').trim().replace('mine', ''), '');
      assert.deepEqual(readdirSync(outside), ['secret']);
      assert.ok(
        !existsSync(join(`${to}-dir`, 'secret')) || readFileSync(join(`${to}-dir`, 'secret'), 'utf8') !== 'of the host',
      );
    }
  } finally {
    // Before the root goes.
    await cli('tscontainer', root, ['rm', '-f', 'swapper']);
  }
});

test('links that lead out of a container that does not run', { skip }, async (t) => {
  const root = layerRoot(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'secret'), 'of the host');
  const hostile = (diff: string): void => {
    busybox(diff);
    symlinkSync(outside, join(diff, 'absolute'));
    symlinkSync(`../../../../../../..${outside}`, join(diff, 'relative'));
    symlinkSync('/proc/self/root', join(diff, 'magic'));
  };
  addImage(root, [hostile], { Volumes: { '/absolute/volume': {}, '/../../x': {}, '/a/../..//b': {} } }, 'bb');
  const made = await cli('tscontainer', root, ['create', '--name', 'cc', 'bb', 'true']);
  assert.equal(made.status, 0, made.stderr);
  const host = tempDir(t);
  writeFileSync(join(host, 'planted'), 'x');
  for (const link of ['absolute', 'relative', `magic${outside}`]) {
    assert.equal((await cli('tscontainer', root, ['cp', `cc:/${link}/secret`, join(host, 'stolen')])).status, 1, link);
    await cli('tscontainer', root, ['cp', join(host, 'planted'), `cc:/${link}/planted`]);
    await cli('tscontainer', root, ['cp', '-L', `cc:/${link}`, join(host, 'stolen')]);
  }
  assert.ok(!existsSync(join(host, 'stolen/secret')));
  const started = await cli('tscontainer', root, ['start', '-a', 'cc']);
  assert.equal(started.status, 0, started.stderr);
  assert.deepEqual(readdirSync(outside), ['secret']);
  assert.ok(!existsSync('/x') && !existsSync('/b'));
});

test('an archive for a container leads nowhere else', { skip }, async (t) => {
  const root = layerRoot(t);
  addImage(root, [busybox], {}, 'bb');
  assert.equal((await cli('tscontainer', root, ['create', '--name', 'cc', 'bb', 'true'])).status, 0);
  const { dir, file, symlink, tar, END } = await import('../support/tar-builder.js');
  const outside = tempDir(t);
  for (const members of [
    [file('../../../escaped', 'x')],
    [symlink('link', outside), file('link/escaped', 'x')],
    [dir('d'), symlink('d/up', '../../../../../../../..'), file(`d/up${outside}/escaped`, 'x')],
  ]) {
    const archive = tar(...members, END);
    await cli('tscontainer', root, ['cp', '-', 'cc:/tmp'], { input: archive });
    assert.deepEqual(readdirSync(outside), []);
  }
  mkdirSync(join(outside, 'ok'));
  const plain = await cli('tscontainer', root, ['cp', '-', 'cc:/tmp'], { input: tar(file('.wh.name', 'kept'), END) });
  assert.equal(plain.status, 0, plain.stderr);
  const back = await cli('tscontainer', root, ['cp', 'cc:/tmp/.wh.name', join(outside, 'ok')]);
  assert.equal(back.status, 0, back.stderr);
  assert.ok(lstatSync(join(outside, 'ok/.wh.name')).isFile());
});
