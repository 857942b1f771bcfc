import assert from 'node:assert/strict';
import { openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openArchiveFiles } from '../../../store/archive/archive-files.js';
import { documentsOf } from '../../../store/archive/image-files.js';
import { file, hardlink, type Member, symlink, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

async function open(t: TestContext, ...members: (Member | Buffer)[]) {
  const path = join(tempDir(t), 'a.tar');
  writeFileSync(path, tar(...members));
  const files = await openArchiveFiles(openSync(path, 'r'), path);
  t.after(() => files.close());
  return { find: files.find, read: (name: string, most = 100) => documentsOf(files).read(name, 'it', most).toString() };
}

test('members are found by clean paths', async (t) => {
  const { read, find } = await open(t, file('./a', 'A'), file('/b//c', 'C'), file('d/./e', 'E'), file('x/../f', 'F'));
  assert.deepEqual(
    ['a', 'b/c', 'd/e', 'f', './f'].map((path) => read(path)),
    ['A', 'C', 'E', 'F', 'F'],
  );
  assert.equal(find('nothing'), undefined);
  assert.equal(find('b'), undefined);
});

test('links lead to members, and only to members', async (t) => {
  const { read, find } = await open(
    t,
    file('a/layer.tar', 'A'),
    symlink('b/layer.tar', '../a/layer.tar'),
    symlink('c/layer.tar', '../b/./layer.tar'),
    symlink('top', '/a/layer.tar'),
    hardlink('hard', 'a/layer.tar'),
    symlink('passwd', '/etc/passwd'),
    symlink('out', '../../../etc/passwd'),
    symlink('b/out', 'x/../../../etc/passwd'),
    symlink('self', 'self'),
    symlink('ping', 'pong'),
    symlink('pong', 'ping'),
  );
  for (const path of ['b/layer.tar', 'c/layer.tar', 'top', 'hard']) assert.equal(read(path), 'A', path);
  assert.equal(find('passwd'), undefined, 'an absolute link starts at the top of the archive');
  for (const path of ['out', 'b/out', '../a/layer.tar'])
    assert.throws(() => find(path), { code: 'E_ARCHIVE', message: /leads out of the archive/ }, path);
  for (const path of ['self', 'ping']) assert.throws(() => find(path), { code: 'E_ARCHIVE', message: /links/ }, path);
});

test('what occurs twice, or is no file, is refused when it is asked for', async (t) => {
  const { find, read } = await open(
    t,
    file('twice', '1'),
    file('./twice', '2'),
    symlink('to-twice', 'twice'),
    { name: 'device', type: '3' },
    file('good', 'g'),
  );
  for (const path of ['twice', 'to-twice']) assert.throws(() => find(path), { message: /more than once/ });
  assert.throws(() => find('device'), { message: /no regular file/ });
  assert.equal(read('good'), 'g');
});

test('documents are limited each and together', async (t) => {
  const path = join(tempDir(t), 'a.tar');
  writeFileSync(path, tar(file('big', '', { content: Buffer.alloc(50 * 1024 * 1024) })));
  using files = await openArchiveFiles(openSync(path, 'r'), path);
  const documents = documentsOf(files);
  const read = (most: number) => documents.read('big', 'the manifest', most);
  assert.throws(() => read(1000), { code: 'E_DOCUMENT', message: 'the manifest has 52428800 bytes, more than 1000' });
  for (let i = 0; i < 2; i++) assert.equal(read(1e9).length, 50 * 1024 * 1024);
  assert.throws(() => read(1e9), { code: 'E_DOCUMENT', message: /the documents of the images have more than/ });
  assert.throws(() => documents.read('gone', 'the manifest', 1), { code: 'E_ARCHIVE', message: /lacks the manifest/ });
});

test('no descriptor stays open, also when the archive is bad', async (t) => {
  const path = join(tempDir(t), 'a.tar');
  writeFileSync(path, tar(file('../x'), file('a')));
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  await assert.rejects(openArchiveFiles(openSync(path, 'r'), path), { message: /leads out of the archive/ });
  writeFileSync(path, 'text that is no archive');
  await assert.rejects(openArchiveFiles(openSync(path, 'r'), path), { code: 'E_ARCHIVE' });
  assert.equal(descriptors(), before);
});
