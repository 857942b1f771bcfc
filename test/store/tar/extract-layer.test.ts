import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { extractTo, readTarSplit, rebuild } from '../../support/layer.js';
import { missing } from '../../support/needs.js';
import { dir, file, hardlink, symlink, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { listTree } from '../../support/tree.js';
import { accepted } from './accepted-layers.js';
import { refused } from './refused-layers.js';

const skip = missing('root');

for (const [what, archive, tree, also] of accepted)
  test(`unpacks and gives back: ${what}`, { skip }, (t) => {
    const root = tempDir(t);
    writeFileSync(join(root, 'canary'), 'untouched');
    const layer = extractTo({ dir: join(root, 'layer'), archive });
    assert.deepEqual(listTree(layer.diff), [...tree].sort());
    also?.(layer.diff);
    assert.ok(rebuild(layer).equals(archive), 'the archive cannot be rebuilt');
    for (const chunk of [1, 511, 513].filter(() => archive.length < 20_000)) {
      const again = extractTo({ dir: join(root, `layer-${chunk}`), archive, blob: gzipSync(archive), chunk });
      assert.deepEqual(listTree(again.diff), [...tree].sort(), `chunks of ${chunk}`);
    }
    // Without a umask modes are given when something is made, not afterwards.
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    const unmasked = extractTo({ dir: join(root, 'unmasked'), archive });
    assert.deepEqual(listTree(unmasked.diff), [...tree].sort(), 'without a umask');
    assert.equal(readFileSync(join(root, 'canary'), 'utf8'), 'untouched');
  });

for (const [what, archive, message] of refused)
  test(`refused: ${what}`, { skip }, (t) => {
    const root = tempDir(t);
    mkdirSync(join(root, 'outside'));
    assert.throws(
      () => extractTo({ dir: join(root, 'layer'), archive }),
      (error: Error & { code?: string }) => error.code === 'E_ARCHIVE' && message.test(error.message),
    );
    assert.deepEqual(listTree(join(root, 'outside')), []);
  });

test('expansion is limited', { skip }, (t) => {
  const archive = tar(file('zeros', Buffer.alloc(30 * 1024 * 1024).toString('latin1')));
  const input = { dir: join(tempDir(t), 'layer'), archive, blob: gzipSync(archive), maxPlainBytes: 10 * 1024 * 1024 };
  assert.throws(() => extractTo(input), /expands to more than/);
});

test('digests of blob and archive are both checked', { skip }, (t) => {
  const root = tempDir(t);
  const archive = tar(file('a'));
  assert.throws(() => extractTo({ dir: join(root, 'one'), archive, blob: gzipSync(tar(file('b'))) }), {
    code: 'E_VERIFY',
  });
});

test('exact modes whatever the umask', { skip }, (t) => {
  const before = process.umask(0o777);
  t.after(() => process.umask(before));
  const layer = extractTo({
    dir: tempDir(t),
    archive: tar({ ...dir('d'), mode: 0o775 }, { ...file('d/f'), mode: 0o666 }, file('x/y')),
  });
  assert.deepEqual(
    ['d', 'd/f', 'x', 'x/y'].map((name) => statSync(join(layer.diff, name)).mode & 0o777),
    [0o775, 0o666, 0o755, 0o644],
  );
});

test('the record has the form that dockerd writes', { skip }, (t) => {
  const layer = extractTo({
    dir: tempDir(t),
    archive: tar(dir('./'), file('a<b>&', 'hello'), file(Buffer.from('\xff', 'latin1'), ''), file('.wh.gone', '')),
  });
  const lines = readTarSplit(layer.record);
  assert.deepEqual(
    lines.map(({ type, name, name_raw, size, payload }) => [
      type,
      name ?? name_raw,
      size,
      type === 1 ? payload : payload?.length,
    ]),
    [
      [2, undefined, undefined, 684],
      [1, './', undefined, null],
      [2, undefined, undefined, 684],
      [1, 'a<b>&', 5, 'PD7u4tgQAAA='],
      [2, undefined, undefined, 1360],
      [1, '/w==', undefined, null],
      [2, undefined, undefined, 684],
      [1, '.wh.gone', undefined, null],
      [2, undefined, undefined, 1368],
    ],
  );
});

test('layer size counts files and symlink targets, each inode once', { skip }, (t) => {
  const archive = tar(
    dir('d'),
    file('d/hello', 'hi\n'),
    hardlink('d/z', 'd/hello'),
    symlink('d/sym', 'hello'),
    file('.wh.x', 'ignored'),
  );
  assert.equal(extractTo({ dir: tempDir(t), archive }).size, 8);
});
