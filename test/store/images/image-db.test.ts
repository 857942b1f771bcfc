import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { goTimestamp, openImageDb } from '../../../store/images/image-db.js';
import { topLayerOf } from '../../../store/images/image-document.js';
import { digestOf, hexOf, type ImageId } from '../../../store/oci/digest.js';
import { tempDir } from '../../support/temp.js';

const diffId = digestOf('layer');
const configOf = (text: string) =>
  Buffer.from(`{ "note":${JSON.stringify(text)}, "rootfs":{"type":"layers","diff_ids":["${diffId}"]}}`);

test('what is put comes back byte for byte, with dockerd’s modes', (t) => {
  const root = tempDir(t);
  const db = openImageDb(root);
  assert.deepEqual(db.list(), []);
  const bytes = configOf('ü <x>');
  const id = db.put(bytes);
  assert.equal(id, digestOf(bytes));
  const path = join(root, 'image/overlay2/imagedb/content/sha256', hexOf(id));
  assert.deepEqual(readFileSync(path), bytes);
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  const image = db.get(id);
  assert.deepEqual(image?.bytes, bytes);
  assert.equal(image && topLayerOf(image), diffId);
  const { ino } = statSync(path);
  assert.equal(db.put(bytes), id);
  assert.equal(statSync(path).ino, ino, 'nothing was written again');
});

test('images that dockerd would drop are not there', (t) => {
  const root = tempDir(t);
  const db = openImageDb(root);
  const good = db.put(configOf('good'));
  const dir = join(root, 'image/overlay2/imagedb/content/sha256');
  const plant = (text: string) => writeFileSync(join(dir, hexOf(digestOf(text))), text);
  writeFileSync(join(dir, 'f'.repeat(64)), configOf('wrong name'));
  writeFileSync(join(dir, '.tmp-stray'), '');
  mkdirSync(join(dir, 'not-hex'));
  for (const text of ['', 'null', '[]', '{}', '{"rootfs":null}', '{"rootfs":{"diff_ids":["../../x"]}}', '{"rootfs":7}'])
    plant(text);
  assert.deepEqual(
    db.list().map(({ id }) => id),
    [good],
  );
  plant('{"rootfs":{"type":"layers"}}');
  assert.equal(db.list().length, 2, 'an image without layers is one');
});

test('metadata is written, read and removed with the image', (t) => {
  const root = tempDir(t);
  const db = openImageDb(root);
  const parent = db.put(configOf('parent'));
  const id = db.put(configOf('child'));
  assert.equal(db.parent(id), undefined);
  db.setParent(id, parent);
  db.setLastUpdated(id, new Date('2026-11-24T15:15:27.830Z'));
  assert.equal(db.parent(id), parent);
  assert.equal(db.lastUpdated(id), '2026-11-24T15:15:27.83Z');
  const dir = join(root, 'image/overlay2/imagedb/metadata/sha256', hexOf(id));
  assert.equal(statSync(dir).mode & 0o7777, 0o700);
  assert.equal(statSync(join(dir, 'parent')).mode & 0o7777, 0o600);
  db.removeParent(id);
  assert.equal(db.parent(id), undefined);
  db.remove(id);
  db.remove(id);
  assert.deepEqual(readdirSync(join(dir, '..')), []);
  assert.deepEqual(db.ids(), [parent]);
});

test('times lose the zeros at the end, as Go writes them', () => {
  assert.equal(goTimestamp(new Date('2026-11-24T18:30:00.000Z')), '2026-11-24T18:30:00Z');
  assert.equal(goTimestamp(new Date('2026-11-24T18:30:10.100Z')), '2026-11-24T18:30:10.1Z');
  assert.equal(goTimestamp(new Date('2026-11-24T18:30:10.123Z')), '2026-11-24T18:30:10.123Z');
});

test('ids are found by unique prefixes', (t) => {
  const db = openImageDb(tempDir(t));
  const ids = Array.from({ length: 40 }, (_, i) => db.put(configOf(String(i))));
  const id = ids[7] as ImageId;
  for (const prefix of [id, hexOf(id), id.slice(0, 30), hexOf(id).slice(0, 12)]) assert.equal(db.search(prefix), id);
  const crowded = ids.find((a) => ids.some((b) => a !== b && hexOf(a)[0] === hexOf(b)[0])) as ImageId;
  assert.equal(db.search(hexOf(crowded).slice(0, 1)), 'ambiguous');
  for (const prefix of ['', 'sha256:', 'xyz', `${hexOf(id)}0`, 'sha512:1']) assert.equal(db.search(prefix), undefined);
});
