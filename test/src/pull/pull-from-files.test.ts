import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildImage } from '../../../fixtures/registry/image.js';
import { images } from '../../../src/library/images.js';
import { pull } from '../../../src/pull/pull.js';
import type { PullEvent } from '../../../src/pull/pull-event.js';
import { digestOf } from '../../../store/oci/digest.js';
import { base, dockerArchive, fixture, idOf, one, packed, top, two } from '../../support/archive-fixture.js';
import { layoutFiles, newSavedFiles, packFiles, savedFiles } from '../../support/image-archives.js';
import { missing } from '../../support/needs.js';
import { checkStore } from '../../support/store-state.js';
import { file, symlink, tar } from '../../support/tar-builder.js';
import { treeTimes } from '../../support/tree.js';

const skip = missing('root');

test('a docker-archive: pulled with all its names, complete, then up to date', { skip }, async (t) => {
  const archive = dockerArchive(t, savedFiles({ image: one, tags: ['one:1', 'host:5000/x/one:latest'] }));
  const events: PullEvent[] = [];
  const [pulled] = await archive.pull('', { onEvent: (event) => events.push(event) });
  const id = idOf(one);
  assert.deepEqual(pulled, {
    reference: 'docker.io/library/one:1',
    names: ['docker.io/library/one:1', 'host:5000/x/one:latest'],
    id,
    digest: undefined,
    upToDate: false,
  });
  assert.deepEqual(archive.names(), { 'one:1': id, 'host:5000/x/one:latest': id });
  checkStore(archive.root);
  assert.deepEqual(readdirSync(join(archive.root, 'image/overlay2/distribution/diffid-by-digest/sha256')), []);
  const manifest = events.find((event) => event.type === 'manifest');
  assert.deepEqual(
    manifest?.layers,
    one.diffIds.map((digest, at) => ({ digest, size: one.layers[at]?.length })),
  );
  assert.equal(events.filter((event) => event.type === 'layer' && event.status === 'complete').length, 3);
  assert.ok(events.some((event) => event.type === 'progress' && event.current === event.total));
  assert.equal(events.filter(({ type }) => type === 'done').length, 2);
  const before = treeTimes(archive.root);
  assert.equal((await archive.pull())[0]?.upToDate, true);
  assert.deepEqual(treeTimes(archive.root), before, 'something was written');
});

test('all images of an archive, or the one that is named', { skip }, async (t) => {
  const files = savedFiles(
    { image: one, tags: ['one:1', 'one:2'] },
    { image: two, tags: ['two:latest'] },
    { image: packed },
  );
  for (const [suffix, names, ids] of [
    ['', { 'one:1': idOf(one), 'one:2': idOf(one), 'two:latest': idOf(two) }, [one, two, packed].map(idOf)],
    [':one:2', { 'one:2': idOf(one) }, [idOf(one)]],
    [':docker.io/library/two', { 'two:latest': idOf(two) }, [idOf(two)]],
    [':@0', { 'one:1': idOf(one), 'one:2': idOf(one) }, [idOf(one)]],
    [':@2', {}, [idOf(packed)]],
  ] as const) {
    const archive = dockerArchive(t, files);
    assert.deepEqual(
      (await archive.pull(suffix)).map(({ id }) => id),
      ids,
      suffix,
    );
    assert.deepEqual(archive.names(), names, suffix);
    assert.deepEqual(
      images
        .list({ root: archive.root })
        .map(({ id }) => id)
        .sort(),
      [...ids].sort(),
    );
    checkStore(archive.root);
  }
  const archive = dockerArchive(t, files);
  await assert.rejects(pull(`docker-archive:${archive.path}`, { root: archive.root }), {
    code: 'E_USAGE',
    message: /has 3 images/,
  });
  for (const suffix of [':one:3', ':three', ':@3'])
    await assert.rejects(archive.pull(suffix), {
      code: 'E_NOT_FOUND',
      hint: /^it has (one:1, one:2, two:latest|3 images)$/,
    });
  await assert.rejects(archive.pull(`:one@${digestOf('')}`), { code: 'E_USAGE' });
  assert.equal(existsSync(archive.root), false, 'something was written');
});

test('an image without a name is known by its id, or gets the name that is asked for', { skip }, async (t) => {
  for (const kind of ['docker-archive', 'oci'] as const) {
    const content = kind === 'oci' ? layoutFiles({ image: one }) : packFiles(savedFiles({ image: one }));
    const unnamed = fixture(t, kind, content);
    const [pulled] = await unnamed.pull();
    assert.deepEqual([pulled?.reference, pulled?.names], [idOf(one), []]);
    assert.deepEqual(unnamed.names(), {});
    assert.equal(images.list({ root: unnamed.root })[0]?.id, idOf(one));
    checkStore(unnamed.root);
    assert.equal((await unnamed.pull())[0]?.upToDate, true);
    const [named] = await unnamed.pull(':my/own:name');
    assert.equal(named?.upToDate, false);
    assert.deepEqual(unnamed.names(), { 'my/own:name': idOf(one) });
  }
});

test('an image without layers is kept, as docker load does', { skip }, async (t) => {
  const empty = buildImage({ layers: [], compression: 'none' });
  const archive = dockerArchive(t, savedFiles({ image: empty, tags: ['empty:1'] }));
  await archive.pull();
  assert.deepEqual(archive.names(), { 'empty:1': idOf(empty) });
  assert.equal((await archive.pull())[0]?.upToDate, true);
});

test('compressed layers, links to layers, layers that occur twice, paths of other programs', { skip }, async (t) => {
  const twice = buildImage({ layers: [base, top, top, base], compression: 'none' });
  const files = savedFiles({ image: twice, tags: ['twice:1'] });
  const paths = ['a.tar', 'b/layer.tar', 'c/layer.tar', './d/../d.tar.gz'];
  const list = JSON.parse(String(files['manifest.json']));
  list[0].Layers = paths;
  const config = Object.keys(files).find((name) => name.endsWith('.json')) ?? '';
  const content = tar(
    file('./manifest.json', '', { content: Buffer.from(JSON.stringify(list)) }),
    file(`./${config}`, '', { content: twice.config }),
    file('./a.tar', '', { content: base }),
    file('./b/layer.tar', '', { content: top }),
    symlink('./c/layer.tar', '../b/layer.tar'),
    file('./d.tar.gz', '', { content: gzipSync(base) }),
  );
  const archive = fixture(t, 'docker-archive', content);
  const [pulled] = await archive.pull();
  assert.equal(pulled?.id, idOf(twice));
  checkStore(archive.root);
});

test('what docker save of 25 and later writes, by either door', { skip }, async (t) => {
  const files = newSavedFiles({ image: one, tags: ['one:1', 'one:2'] });
  const names = { 'one:1': idOf(one), 'one:2': idOf(one) };
  for (const kind of ['docker-archive', 'oci-archive']) {
    const archive = fixture(t, kind, packFiles(files));
    await archive.pull();
    assert.deepEqual(archive.names(), names, kind);
    checkStore(archive.root);
  }
});

test('many at once from one archive agree', { skip }, async (t) => {
  const archive = dockerArchive(t, savedFiles({ image: one, tags: ['one:1'] }, { image: two, tags: ['two:1'] }));
  const all = await Promise.all(Array.from({ length: 6 }, () => archive.pull()));
  for (const pulled of all)
    assert.deepEqual(
      pulled.map(({ id }) => id),
      [idOf(one), idOf(two)],
    );
  checkStore(archive.root);
});
