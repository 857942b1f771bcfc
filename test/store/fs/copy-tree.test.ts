import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { copyEntries, copyTree } from '../../../store/fs/copy-tree.js';
import { getXattr, setXattr } from '../../../store/linux/xattr.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');

function folder(t: TestContext, name: string): { path: string; fd: number } {
  const path = join(tempDir(t), name);
  mkdirSync(path);
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  t.after(() => closeSync(fd));
  return { path, fd };
}

test('owners, modes, times, attributes, links and hard links are copied', { skip }, (t) => {
  const from = folder(t, 'from');
  const to = folder(t, 'to');
  mkdirSync(join(from.path, 'sub'));
  writeFileSync(join(from.path, 'sub/file'), 'text');
  chownSync(join(from.path, 'sub/file'), 5, 6);
  chmodSync(join(from.path, 'sub/file'), 0o4711);
  setXattr(join(from.path, 'sub/file'), 'trusted.kept', Buffer.from([0, 255]));
  utimesSync(join(from.path, 'sub/file'), 1.5, 100.25);
  linkSync(join(from.path, 'sub/file'), join(from.path, 'again'));
  symlinkSync('/nowhere', join(from.path, 'link'));
  chownSync(from.path, 7, 8);
  chmodSync(from.path, 0o2750);
  copyTree(from.fd, to.fd);
  const file = lstatSync(join(to.path, 'sub/file'));
  assert.deepEqual([file.uid, file.gid, file.mode & 0o7777, file.mtimeMs, file.nlink], [5, 6, 0o4711, 100_250, 2]);
  assert.equal(lstatSync(join(to.path, 'again')).ino, file.ino);
  assert.deepEqual(getXattr(join(to.path, 'sub/file'), 'trusted.kept'), Buffer.from([0, 255]));
  assert.equal(readlinkSync(join(to.path, 'link')), '/nowhere');
  const top = lstatSync(to.path);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [7, 8, 0o2750]);
});

test('links in the target are replaced or refused, never followed', { skip }, (t) => {
  const outside = tempDir(t);
  writeFileSync(join(outside, 'precious'), 'mine');
  const from = folder(t, 'from');
  const to = folder(t, 'to');
  writeFileSync(join(from.path, 'file'), 'new');
  symlinkSync(join(outside, 'precious'), join(to.path, 'file'));
  copyEntries(from.fd, to.fd);
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'mine');
  assert.equal(readFileSync(join(to.path, 'file'), 'utf8'), 'new');
  mkdirSync(join(from.path, 'inner'));
  writeFileSync(join(from.path, 'inner/planted'), 'x');
  symlinkSync(outside, join(to.path, 'inner'));
  assert.throws(() => copyEntries(from.fd, to.fd), /cannot overwrite non-directory "inner" with directory/);
  assert.ok(!existsSync(join(outside, 'planted')));
});
