import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { readImageIndex } from '../../../src/images/find.js';
import type { FilterList } from '../../../src/images/image-filters.js';
import { imageRows, listImages } from '../../../src/images/list.js';
import { addDigest } from '../../../store/images/repositories.js';
import { updateRepositories } from '../../../store/images/repositories-file.js';
import { layerRecordDir } from '../../../store/layers/layer-db.js';
import { type ChainId, digestOf } from '../../../store/oci/digest.js';
import { makeImages } from '../../support/image-root.js';
import { tempDir } from '../../support/temp.js';

const at = (year: number, Labels: Record<string, string> = {}) => ({
  created: `${year}-01-01T00:00:00Z`,
  config: { Labels },
});

test('filters choose images, and names of images', async (t) => {
  const root = tempDir(t);
  await makeImages(root, [
    { layers: ['a'], tags: ['old:1'], config: at(2001, { a: '1' }) },
    { layers: ['a', 'b'], tags: ['mid:1', 'lib/mid:2'], config: at(2011, { a: '2', b: '' }) },
    { layers: ['b'], tags: ['new:1'], config: at(2021) },
    { layers: ['c'], tags: [], config: at(2015) },
  ]);
  const shown = (...filters: FilterList) =>
    listImages(readImageIndex(root), { filters, now: Date.parse('2025-01-01T00:00:00Z') }).map(({ tags }) =>
      tags.map(({ key }) => key).join('+'),
    );
  const cases: [filters: FilterList, images: string[]][] = [
    [[], ['new:1', '', 'lib/mid:2+mid:1', 'old:1']],
    [[['dangling', 'true']], ['']],
    [[['dangling', 'false']], ['new:1', 'lib/mid:2+mid:1', 'old:1']],
    [[['label', 'a']], ['lib/mid:2+mid:1', 'old:1']],
    [[['label', 'a=1']], ['old:1']],
    [
      [
        ['label', 'a'],
        ['label', 'b='],
      ],
      ['lib/mid:2+mid:1'],
    ],
    [[['before', 'mid:1']], ['old:1']],
    [[['since', 'mid:1']], ['new:1', '']],
    [[['until', '2012-01-01T00:00:00Z']], ['lib/mid:2+mid:1', 'old:1']],
    [[['until', '100000h']], ['lib/mid:2+mid:1', 'old:1']],
    [[['reference', '*/*']], ['lib/mid:2']],
    [[['reference', '*:1']], ['new:1', 'mid:1', 'old:1']],
    [
      [
        ['reference', 'old'],
        ['reference', 'new:*'],
      ],
      ['new:1', 'old:1'],
    ],
  ];
  for (const [filters, images] of cases) assert.deepEqual(shown(...filters), images, JSON.stringify(filters));
  for (const filter of [
    ['nosuch', '1'],
    ['dangling', 'x'],
    ['until', 'x'],
    ['reference', '['],
  ] as const)
    assert.throws(() => shown(filter), { code: 'E_USAGE' }, filter.join('='));
});

test('an image with a missing layer is not listed, as dockerd does not know it', async (t) => {
  const root = tempDir(t);
  await makeImages(root, [
    { layers: ['a', 'b'], tags: ['x:1'] },
    { layers: ['c'], tags: ['y:1'] },
  ]);
  rmSync(layerRecordDir(root, digestOf('layer a') as string as ChainId), { recursive: true });
  assert.deepEqual(
    listImages(readImageIndex(root)).flatMap(({ tags }) => tags.map(({ key }) => key)),
    ['y:1'],
  );
});

test('rows multiply by tag and digest', async (t) => {
  const root = tempDir(t);
  const [id] = await makeImages(root, [{ layers: ['a'], tags: ['x:1', 'x:2', 'y:1'] }]);
  assert.ok(id);
  const [one, two] = [digestOf('1'), digestOf('2')];
  updateRepositories(root, (names) => addDigest(addDigest(addDigest(names, 'x', one, id), 'x', two, id), 'z', one, id));
  const [image] = listImages(readImageIndex(root));
  assert.ok(image);
  const rows = (all: boolean) =>
    imageRows(image, { tagDigests: all, ownDigests: all }).map(({ repository, tag, digest }) => [
      repository,
      tag,
      digest,
    ]);
  assert.deepEqual(rows(false), [
    ['x', '1', '<none>'],
    ['x', '2', '<none>'],
    ['y', '1', '<none>'],
    ['z', '<none>', ''],
  ]);
  const digests = [one, two].sort();
  assert.deepEqual(rows(true), [
    ...['1', '2'].flatMap((tag) => digests.map((digest) => ['x', tag, digest])),
    ['y', '1', '<none>'],
    ['z', '<none>', one],
  ]);
});
