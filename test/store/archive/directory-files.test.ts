import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDirectoryFiles } from '../../../store/archive/directory-files.js';
import { tempDir } from '../../support/temp.js';

test('regular files are found, also behind links; a fifo does not hang', (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'blobs'));
  writeFileSync(join(dir, 'blobs/a'), 'content');
  symlinkSync(join(dir, 'blobs/a'), join(dir, 'link'));
  symlinkSync('/nowhere/at/all', join(dir, 'dangling'));
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  const before = readdirSync('/proc/self/fd').length;
  const files = openDirectoryFiles(dir);
  assert.equal(files.find('blobs/a')?.size, 7);
  assert.equal(files.find('link')?.size, 7);
  assert.equal(files.find('blobs/a')?.fd, files.find('blobs/a')?.fd);
  assert.equal(files.find('dangling'), undefined);
  assert.equal(files.find('blobs/a/b'), undefined);
  for (const path of ['fifo', 'blobs']) assert.throws(() => files.find(path), { code: 'E_ARCHIVE' }, path);
  files.close();
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
