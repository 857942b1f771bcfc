import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findImage, readImageIndex } from '../../../src/images/find.js';
import { tagImage } from '../../../src/images/tag.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { addDigest } from '../../../store/images/repositories.js';
import { readRepositories, updateRepositories } from '../../../store/images/repositories-file.js';
import { digestOf, hexOf } from '../../../store/oci/digest.js';
import { openForWriting } from '../../../store/store.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

test('names come before ids, digests before tags, and prefixes must be unique', async (t) => {
  const root = tempDir(t);
  const images = Array.from({ length: 40 }, (_, index) => ({ layers: ['a'], config: { index } }));
  const ids = await makeImages(root, images);
  const [one, two, three] = ids;
  assert.ok(one && two && three);
  const prefix = hexOf(two).slice(0, 10);
  const digest = digestOf('manifest');
  using store = await openForWriting(root);
  await tagImage(store, one, 'ubuntu');
  await tagImage(store, one, 'host:5000/x:1');
  await tagImage(store, three, prefix);
  updateRepositories(root, (names) => addDigest(names, 'ubuntu', digest, two));
  const found = (text: string) => findImage(readImageIndex(root), text).id;
  const cases: [text: string, id: string][] = [
    ['ubuntu', one],
    ['docker.io/library/ubuntu:latest', one],
    ['index.docker.io/library/ubuntu', one],
    ['host:5000/x:1', one],
    [`ubuntu@${digest}`, two],
    [`ubuntu:nosuch@${digest}`, two],
    [prefix, three],
    [`sha256:${prefix}`, two],
    [two, two],
    [hexOf(two), two],
    [hexOf(two).slice(0, 63), two],
  ];
  for (const [text, id] of cases) assert.equal(found(text), id, text);
  const crowded = ids.map((id) => hexOf(id).charAt(0)).find((digit, index, all) => all.indexOf(digit) !== index) ?? '';
  const errors: [text: string, code: string, message: string][] = [
    ['nosuch', 'E_NO_IMAGE', 'No such image: nosuch:latest'],
    ['ubuntu:2', 'E_NO_IMAGE', 'No such image: ubuntu:2'],
    ['f'.repeat(64), 'E_NO_IMAGE', `No such image: sha256:${'f'.repeat(64)}`],
    [crowded, 'E_NO_IMAGE', `No such image: ${crowded}:latest`],
    ['', 'E_REFERENCE', 'invalid reference format'],
  ];
  for (const [text, code, message] of errors) assert.throws(() => found(text), { code, message }, text);
  assert.throws(() => found(crowded), { hint: /more digits/ });
});

test('tagging moves a name, notes the time, and refuses what is no tag', async (t) => {
  const root = tempDir(t);
  const [one, two] = await makeImages(root, [
    { layers: ['a'], tags: ['x:1'] },
    { layers: ['b'], tags: ['y:1'] },
  ]);
  assert.ok(one && two);
  using store = await openForWriting(root);
  await tagImage(store, 'y:1', 'x:1');
  assert.equal(readRepositories(root).get('x')?.get('x:1'), two);
  assert.match(openImageDb(root).lastUpdated(two) ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.equal(openImageDb(root).lastUpdated(one), undefined);
  const refused: [source: string, target: string, message: RegExp][] = [
    ['y:1', 'BAD', /^error parsing reference: "BAD" is not a valid repository\/tag: invalid reference format/],
    ['y:1', `z@${digestOf('m')}`, /^refusing to create a tag with a digest reference$/],
    ['y:1', 'sha256:abc', /^refusing to create an ambiguous tag using digest algorithm as name$/],
    ['nosuch', 'z', /^No such image: nosuch:latest$/],
  ];
  for (const [source, target, message] of refused) await assert.rejects(tagImage(store, source, target), { message });
});
