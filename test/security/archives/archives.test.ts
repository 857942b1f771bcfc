/** Archives and layouts that want to harm: each is refused with a reason, and the store stays as it was. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pullAll } from '../../../src/pull/pull.js';
import { KnownError } from '../../../store/errors.js';
import { repositoriesPath } from '../../../store/images/repositories-file.js';
import { one } from '../../support/archive-fixture.js';
import { type Files, layoutFiles, packFiles, savedFiles, writeFiles } from '../../support/image-archives.js';
import { missing } from '../../support/needs.js';
import { checkStore } from '../../support/store-state.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { badDockerArchives } from './bad-docker-archives.js';
import { badLayouts } from './bad-layouts.js';

const skip = missing('root');

const folder = mkdtempSync(join(tmpdir(), 'tspull-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const pack = (content: Files | Buffer): Buffer => (Buffer.isBuffer(content) ? content : packFiles(content));

/** Nothing is visible, nothing lies around, no descriptor stays open. Each has a root of its own: a layer that is there is not read. */
async function assertRefused(source: string, code: string, message: RegExp): Promise<void> {
  const root = join(folder, 'root');
  const descriptors = readdirSync('/proc/self/fd').length;
  await assert.rejects(pullAll(source, { root }), (error) => {
    assert.ok(error instanceof KnownError, (error as Error).stack);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /[\u0000-\u001f]/);
    return true;
  });
  assert.equal(readdirSync('/proc/self/fd').length, descriptors, 'a descriptor is still open');
  if (!existsSync(root)) return;
  assert.equal(existsSync(repositoriesPath(root)), false);
  assert.deepEqual(readdirSync(join(root, 'image/overlay2/imagedb/content/sha256')), []);
  checkStore(root);
  rmSync(root, { recursive: true });
}

for (const [at, [what, content, code, message]] of badDockerArchives.entries())
  test(`docker-archive: ${what}`, { skip }, async () => {
    const path = join(folder, `bad-${at}.tar`);
    writeFileSync(path, pack(content));
    await assertRefused(`docker-archive:${path}`, code, message);
    // As a stream it goes another way to the same end.
    if (at % 4 !== 0) return;
    writeFileSync(path, gzipSync(pack(content)));
    await assertRefused(`docker-archive:${path}`, code, /./);
  });

for (const [at, [what, files, code, message]] of badLayouts.entries())
  test(`OCI layout: ${what}`, { skip }, async () => {
    await assertRefused(`oci:${writeFiles(join(folder, `bad-layout-${at}`), files)}`, code, message);
    writeFileSync(join(folder, 'layout.tar'), packFiles(files));
    await assertRefused(`oci-archive:${folder}/layout.tar`, code, message);
  });

test('what was there before is there after', { skip }, async (t) => {
  const dir = tempDir(t);
  const root = join(dir, 'root');
  writeFileSync(join(dir, 'good.tar'), packFiles(savedFiles({ image: one, tags: ['victim:1'] })));
  await pullAll(`docker-archive:${dir}/good.tar`, { root });
  const state = () => [
    readFileSync(repositoriesPath(root), 'utf8'),
    ...readdirSync(join(root, 'image/overlay2/imagedb/content/sha256')),
  ];
  const before = state();
  for (const [, content] of badDockerArchives.filter((_, at) => at % 8 === 0)) {
    writeFileSync(join(dir, 'bad.tar'), pack(content));
    await assert.rejects(pullAll(`docker-archive:${dir}/bad.tar`, { root }));
    assert.deepEqual(state(), before);
  }
  checkStore(root);
});

test('a layout in which a blob is a fifo, a directory or a link to a device', { skip }, async (t) => {
  for (const make of ['mkfifo', 'mkdir', 'ln -s /dev/zero', 'ln -s /proc/self/mem']) {
    const files = layoutFiles({ image: one });
    const dir = writeFiles(join(tempDir(t), 'layout'), files);
    const blob = join(dir, `blobs/sha256/${one.diffIds[1]?.slice(7)}`);
    rmSync(blob);
    execFileSync('sh', ['-c', `${make} "$0"`, blob]);
    await assertRefused(`oci:${dir}`, make.includes('/proc') ? 'E_VERIFY' : 'E_ARCHIVE', /no regular file|bytes/);
  }
});

test('a link in a layout to a file of the host brings nothing of it', { skip }, async (t) => {
  const dir = writeFiles(join(tempDir(t), 'layout'), layoutFiles({ image: one }));
  const secret = join(tempDir(t), 'secret');
  writeFileSync(secret, 'the password is swordfish');
  for (const path of ['index.json', 'oci-layout']) {
    rmSync(join(dir, path));
    symlinkSync(secret, join(dir, path));
    await assert.rejects(
      pullAll(`oci:${dir}`, { root: join(dir, 'root') }),
      (error: Error) => !/swordfish/.test(error.message),
    );
  }
});

test('a bomb is stopped at a thousand times its size', { skip: missing('root', 'zstd') }, async (t) => {
  const dir = tempDir(t);
  truncateSync(writeEmpty(join(dir, 'zeros')), 1100 * 1024 ** 2);
  execFileSync('zstd', ['-q', '--rm', join(dir, 'zeros')]);
  await assertRefused(`docker-archive:${dir}/zeros.zst`, 'E_ARCHIVE', /expands to more than/);
});

test('a file that shrinks while it is read', { skip }, async (t) => {
  const path = join(tempDir(t), 'a.tar');
  const archive = packFiles(savedFiles({ image: one, tags: ['shrinks:1'] }));
  writeFileSync(path, archive);
  const fresh = join(tempDir(t), 'root');
  const onEvent = ({ type }: { type: string }) => void (type === 'manifest' && truncateSync(path, 4000));
  await assert.rejects(pullAll(`docker-archive:${path}`, { root: fresh, onEvent }), {
    code: 'E_ARCHIVE',
    message: /ends too early/,
  });
  checkStore(fresh);
  assert.equal(existsSync(repositoriesPath(fresh)), false);
});

test('the archive of an image is never unpacked onto the host', { skip }, async (t) => {
  const dir = tempDir(t);
  const image = savedFiles({ image: one, tags: ['kept:2'] });
  const evil = [file(`${dir}/evil`, 'x'), file('evil', 'x', { mode: 0o4755 })];
  writeFileSync(join(dir, 'a.tar'), Buffer.concat([packFiles(image).subarray(0, -1024), tar(...evil)]));
  const fresh = join(dir, 'root');
  await pullAll(`docker-archive:${dir}/a.tar`, { root: fresh });
  assert.deepEqual(readdirSync(dir).sort(), ['a.tar', 'root']);
  checkStore(fresh);
});

function writeEmpty(path: string): string {
  writeFileSync(path, '');
  return path;
}
