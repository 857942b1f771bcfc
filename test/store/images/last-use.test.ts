import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { forgetUse, lastUse, lastUseOrArrival, recordUse } from '../../../store/images/last-use.js';
import { openForWriting } from '../../../store/store.js';
import { makeImages } from '../../support/image-root.js';
import { tmpfsDisk } from '../../support/loop-disk.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

test('the last use counts, else the arrival', async (t) => {
  const root = tempDir(t);
  const [image] = await makeImages(root, [{ layers: ['a'] }]);
  assert.ok(image);
  utimesSync(join(root, 'image/overlay2/imagedb/content/sha256', image.slice(7)), 3, 3);
  assert.deepEqual([lastUse(root, image), lastUseOrArrival(root, image)], [undefined, 3000]);
  recordUse(root, image, new Date(5000));
  recordUse(root, image, new Date(6000));
  assert.deepEqual([lastUse(root, image), lastUseOrArrival(root, image)], [6000, 6000]);
  assert.equal(statSync(join(root, 'tspull/used', image.slice(7))).size, 0);
  forgetUse(root, image);
  assert.equal(lastUse(root, image), undefined);
});

test('a root that an older version has made gets the folder; a root that is not there is not made', async (t) => {
  const root = tempDir(t);
  const [image] = await makeImages(root, [{ layers: ['a'] }]);
  assert.ok(image);
  rmSync(join(root, 'tspull/used'), { recursive: true });
  recordUse(root, image);
  assert.notEqual(lastUse(root, image), undefined);
  recordUse(join(root, 'nowhere'), image);
  recordUse(root, 'sha256:../../../x');
  assert.equal(existsSync(join(root, 'nowhere')), false);
});

test('times of images that are gone are swept', async (t) => {
  const root = tempDir(t);
  const [image] = await makeImages(root, [{ layers: ['a'] }]);
  assert.ok(image);
  recordUse(root, image);
  recordUse(root, `sha256:${'0'.repeat(64)}`);
  (await openForWriting(root)).close();
  assert.deepEqual(readdirSync(join(root, 'tspull/used')), [image.slice(7)]);
});

test('a disk that is full or read-only is no reason to fail', { skip: missing('root', 'mount') }, async (t) => {
  const disk = tmpfsDisk(t, 'size=1m,nr_inodes=200');
  const root = join(disk.path, 'root');
  const [image, other] = await makeImages(root, [{ layers: ['a'] }, { layers: ['b'] }]);
  assert.ok(image && other);
  recordUse(root, image, new Date(5000));
  assert.throws(() => {
    for (let at = 0; ; at++) writeFileSync(join(disk.path, String(at)), '');
  }, /ENOSPC/);
  recordUse(root, image, new Date(6000));
  recordUse(root, other);
  assert.deepEqual([lastUse(root, image), lastUse(root, other)], [6000, undefined]);
  disk.remount('ro');
  recordUse(root, image);
  assert.equal(lastUse(root, image), 6000);
});
