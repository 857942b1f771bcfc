import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage, buildIndex, describe, toDocument } from '../../../../fixtures/registry/image.js';
import { images } from '../../../../src/library/images.js';
import { pull } from '../../../../src/pull/pull.js';
import { ociIndex } from '../../../../store/oci/media-types.js';
import { dockerArchive, fixture, idOf, one, packed, top, two } from '../../../support/archive-fixture.js';
import type { Files } from '../../../support/image-archives.js';
import { blobPath, layoutFiles, packFiles, savedFiles, writeFiles } from '../../../support/image-archives.js';
import { missing } from '../../../support/needs.js';
import { checkStore } from '../../../support/store-state.js';
import { tempDir } from '../../../support/temp.js';

const skip = missing('root');

test('a layout in a directory and in an archive, with its documents kept', { skip }, async (t) => {
  const full = { 'org.opencontainers.image.ref.name': 'example.com/a/b:1' };
  for (const kind of ['oci', 'oci-archive'] as const) {
    const files = layoutFiles({ image: packed, annotations: full });
    const layout = fixture(t, kind, kind === 'oci' ? files : packFiles(files));
    const [pulled] = await layout.pull();
    assert.equal(pulled?.digest, packed.manifest.digest);
    assert.deepEqual(layout.names(), { 'example.com/a/b:1': idOf(packed) });
    const kept = join(layout.root, 'tspull/manifests', idOf(packed).slice(7), packed.manifest.digest.slice(7));
    assert.deepEqual(readFileSync(kept), packed.manifest.bytes);
    checkStore(layout.root);
    assert.equal((await layout.pull(':example.com/a/b:1'))[0]?.upToDate, true);
  }
});

test('names in a layout: whole ones, tags, none', { skip }, async (t) => {
  const ref = (name: string) => ({ 'org.opencontainers.image.ref.name': name });
  const layout = fixture(
    t,
    'oci',
    layoutFiles(
      { image: one, annotations: ref('16.04') },
      { image: two, annotations: { ...ref('x'), 'io.containerd.image.name': 'docker.io/library/two:x' } },
      { image: packed, annotations: ref('sha256-abc.sig is no name') },
    ),
  );
  await layout.pull();
  // "Some.image" cannot be a name because of its capital.
  assert.deepEqual(layout.names(), { 'two:x': idOf(two) });
  assert.deepEqual(
    images
      .list({ root: layout.root })
      .map(({ id }) => id)
      .sort(),
    [one, two, packed].map(idOf).sort(),
  );
  const folder = writeFiles(
    join(tempDir(t), 'ubuntu'),
    layoutFiles({ image: one, annotations: ref('16.04') }, { image: two, annotations: ref('x') }),
  );
  for (const [suffix, name] of [
    [':16.04', 'docker.io/library/ubuntu:16.04'],
    [':x', 'docker.io/library/ubuntu:x'],
  ])
    assert.equal((await pull(`oci:${folder}${suffix}`, { root: layout.root })).reference, name);
  await assert.rejects(pull(`oci:${folder}:y`, { root: layout.root }), {
    code: 'E_NOT_FOUND',
    hint: 'it has 16.04, x',
  });
});

test('the image of an index for the wanted platform', { skip }, async (t) => {
  const other = buildImage({ layers: [top], compression: 'none', platform: { os: 'linux', architecture: 's390x' } });
  const annotations = { 'org.opencontainers.image.ref.name': 'multi:1' };
  // Side by side in index.json, and in an index of their own.
  const beside = layoutFiles(...[other, one].map((image) => ({ image, annotations, withPlatform: true })));
  const index = buildIndex([other, one]);
  const nested: Files = {
    ...beside,
    [blobPath(index.bytes)]: index.bytes,
    'index.json': toDocument(
      { schemaVersion: 2, manifests: [{ ...describe(index.bytes, ociIndex), annotations }] },
      ociIndex,
    ).bytes,
  };
  for (const files of [beside, nested]) {
    const layout = fixture(t, 'oci', files);
    assert.deepEqual(
      (await layout.pull()).map(({ id }) => id),
      [idOf(one)],
    );
    assert.deepEqual(
      (await layout.pull('', { platform: 'linux/s390x' })).map(({ id }) => id),
      [idOf(other)],
    );
    assert.deepEqual(layout.names(), { 'multi:1': idOf(other) });
    await assert.rejects(layout.pull('', { platform: 'linux/riscv64' }), { code: 'E_PLATFORM' });
  }
  const single = dockerArchive(t, savedFiles({ image: other, tags: ['other:1'] }));
  const warnings: string[] = [];
  await assert.rejects(single.pull('', { platform: 'linux/amd64' }), {
    code: 'E_PLATFORM',
    message: /reference other:1 was/,
  });
  await single.pull('', { onEvent: (event) => event.type === 'warning' && warnings.push(event.message) });
  assert.match(warnings.join(), /for linux\/s390x/);
});
