/** Stores of others that want to harm: whatever they hold, nothing outside of them is read, nobody waits, and nothing becomes visible. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pullAll } from '../../../src/pull/pull.js';
import { KnownError } from '../../../store/errors.js';
import { repositoriesPath } from '../../../store/images/repositories-file.js';
import { listLayers, readLayer } from '../../../store/layers/layer-db.js';
import { chainIdsOf, type DiffId } from '../../../store/oci/digest.js';
import { layerDirs } from '../../../store/overlay2/layer-dir.js';
import { dockerArchive, idOf, one } from '../../support/archive-fixture.js';
import { savedFiles } from '../../support/image-archives.js';
import { missing } from '../../support/needs.js';
import { checkStore } from '../../support/store-state.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root', 'mkfifo');
const timeout = 60_000;

const copyTree = (from: string, to: string) => execFileSync('cp', ['-a', from, to]);

async function dataRoot(t: TestContext): Promise<string> {
  const { pull, root } = dockerArchive(t, savedFiles({ image: one, tags: ['one:1'] }));
  await pull();
  return root;
}

/** The same image as podman keeps it, made of our own root. */
async function containersStorage(t: TestContext): Promise<string> {
  const from = await dataRoot(t);
  const to = join(tempDir(t), 'graph');
  const chain = chainIdsOf(one.diffIds as readonly string[] as readonly DiffId[]);
  const layers = chain.map((chainId, at) => {
    const id = chainId.slice(7);
    mkdirSync(join(to, 'overlay', id), { recursive: true });
    mkdirSync(join(to, 'overlay-layers'), { recursive: true });
    copyTree(layerDirs(from, readLayer(from, chainId)?.cacheId ?? '').diff, join(to, 'overlay', id, 'diff'));
    copyTree(
      join(from, 'image/overlay2/layerdb/sha256', id, 'tar-split.json.gz'),
      join(to, 'overlay-layers', `${id}.tar-split.gz`),
    );
    return { id, parent: chain[at - 1]?.slice(7), 'diff-digest': one.diffIds[at] };
  });
  const id = idOf(one).slice(7);
  mkdirSync(join(to, 'overlay-images', id), { recursive: true });
  writeFileSync(join(to, 'overlay-images', id, `=${Buffer.from(idOf(one)).toString('base64')}`), one.config);
  writeFileSync(
    join(to, 'overlay-images/images.json'),
    JSON.stringify([{ id, names: ['localhost/one:1'], layer: chain.at(-1)?.slice(7) }]),
  );
  writeFileSync(join(to, 'overlay-layers/layers.json'), JSON.stringify(layers));
  return to;
}

async function assertRefused(t: TestContext, source: string, code: string, message: RegExp): Promise<void> {
  const root = join(tempDir(t), 'root');
  const descriptors = readdirSync('/proc/self/fd').length;
  await assert.rejects(pullAll(source, { root }), (error) => {
    assert.ok(error instanceof KnownError, (error as Error).stack);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.equal(readdirSync('/proc/self/fd').length, descriptors, 'a descriptor is still open');
  if (!existsSync(root)) return;
  assert.equal(existsSync(repositoriesPath(root)), false);
  checkStore(root);
}

/** Puts something else in the place of a file or directory. */
const replacements: [what: string, put: (path: string) => void, code: string, message: RegExp][] = [
  ['a fifo', (path) => execFileSync('mkfifo', [path]), 'E_STORE', /no regular file|ENOTDIR|missing|has no/],
  [
    'a link to a device that never ends',
    (path) => symlinkSync('/dev/zero', path),
    'E_STORE',
    /no regular file|has no|missing|lacks/,
  ],
  [
    'a link out of the store',
    (path) => symlinkSync('../../../../../../../../etc/passwd', path),
    'E_STORE',
    /has no|missing|lacks|is damaged/,
  ],
  ['a link to itself', (path) => symlinkSync(path.slice(path.lastIndexOf('/') + 1), path), 'E_STORE', /ELOOP/],
];

function replace(path: string, put: (path: string) => void): void {
  rmSync(path, { recursive: true, force: true });
  put(path);
}

test('the stores are taken when nothing is wrong with them', { skip, timeout }, async (t) => {
  for (const source of [
    `data-root:${await dataRoot(t)}:one:1`,
    `containers-storage:[${await containersStorage(t)}]one:1`,
  ]) {
    const root = join(tempDir(t), 'root');
    const [image] = await pullAll(source, { root });
    assert.equal(image?.id, idOf(one));
    checkStore(root);
    assert.equal(listLayers(root).length, 3);
  }
});

for (const [what, put, code, message] of replacements) {
  test(`${what} in a containers-storage`, { skip, timeout }, async (t) => {
    const graph = await containersStorage(t);
    const [layer] = readdirSync(join(graph, 'overlay'));
    const id = idOf(one).slice(7);
    for (const path of [
      `overlay-layers/${layer}.tar-split.gz`,
      `overlay/${layer}/diff`,
      `overlay-images/${id}/=${Buffer.from(idOf(one)).toString('base64')}`,
    ]) {
      const copy = join(tempDir(t), 'graph');
      copyTree(graph, copy);
      replace(join(copy, path), put);
      await assertRefused(t, `containers-storage:[${copy}]one:1`, code, message);
    }
  });

  test(`${what} in a data root`, { skip, timeout }, async (t) => {
    const from = await dataRoot(t);
    const [layer] = listLayers(from);
    assert.ok(layer);
    const cacheId = readLayer(from, layer)?.cacheId;
    for (const path of [
      `image/overlay2/layerdb/sha256/${layer.slice(7)}/tar-split.json.gz`,
      `overlay2/${cacheId}/diff`,
      `image/overlay2/layerdb/sha256/${layer.slice(7)}/cache-id`,
    ]) {
      const copy = join(tempDir(t), 'root');
      copyTree(from, copy);
      replace(join(copy, path), put);
      await assertRefused(t, `data-root:${copy}:one:1`, code, message);
    }
  });
}

const documents: [what: string, change: (graph: string) => void, code: string, message: RegExp][] = [
  [
    'no list of images',
    (graph) => rmSync(join(graph, 'overlay-images/images.json')),
    'E_NOT_FOUND',
    /no containers-storage with overlay/,
  ],
  [
    'a list that is enormous',
    (graph) => truncateSync(join(graph, 'overlay-layers/layers.json'), 2 ** 40),
    'E_STORE',
    /1099511627776 bytes, more than/,
  ],
  [
    'a list that is none',
    (graph) => writeFileSync(join(graph, 'overlay-images/images.json'), '{}'),
    'E_DOCUMENT',
    /is not an array/,
  ],
  [
    'a list that nests without end',
    (graph) => writeFileSync(join(graph, 'overlay-images/images.json'), '['.repeat(100_000)),
    'E_DOCUMENT',
    /too many levels/,
  ],
  [
    'an id that is a path',
    (graph) => edit(graph, 'overlay-layers/layers.json', (one) => ({ ...one, id: '../../../../etc' })),
    'E_DOCUMENT',
    /not 64 hexadecimal digits/,
  ],
  [
    'layers that stand on each other',
    (graph) => edit(graph, 'overlay-layers/layers.json', (one) => ({ ...one, parent: one['id'] })),
    'E_STORE',
    /lacks layer/,
  ],
  [
    'layers of another image',
    (graph) =>
      edit(graph, 'overlay-layers/layers.json', (one) => ({ ...one, 'diff-digest': `sha256:${'0'.repeat(64)}` })),
    'E_STORE',
    /lacks layer 0 as its config names it/,
  ],
  [
    'a config that was changed',
    (graph) => {
      const path = join(graph, 'overlay-images', idOf(one).slice(7), `=${Buffer.from(idOf(one)).toString('base64')}`);
      writeFileSync(path, readFileSync(path, 'utf8').replace('linux', 'Linux'));
    },
    'E_VERIFY',
    /image config/,
  ],
  [
    'a file that was changed',
    (graph) => {
      const [file] = execFileSync('find', [join(graph, 'overlay'), '-type', 'f', '-size', '+0'], {
        encoding: 'utf8',
      }).split('\n');
      const bytes = readFileSync(file ?? '');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(file ?? '', bytes);
    },
    'E_STORE',
    /is damaged: ".*": its content has changed/,
  ],
  [
    'a record that is no gzip',
    (graph) => {
      const [name] = readdirSync(join(graph, 'overlay-layers')).filter((one) => one.endsWith('.gz'));
      writeFileSync(join(graph, 'overlay-layers', name ?? ''), 'no');
    },
    'E_STORE',
    /is damaged: tar-split/,
  ],
];

type Entry = Record<string, unknown>;

function edit(graph: string, path: string, change: (entry: Entry) => Entry): void {
  const list: Entry[] = JSON.parse(readFileSync(join(graph, path), 'utf8'));
  writeFileSync(join(graph, path), JSON.stringify(list.map(change)));
}

test('documents of a containers-storage that are wrong', { skip, timeout }, async (t) => {
  const graph = await containersStorage(t);
  for (const [what, change, code, message] of documents) {
    const copy = join(tempDir(t), 'graph');
    copyTree(graph, copy);
    change(copy);
    await t.test(what, () => assertRefused(t, `containers-storage:[${copy}]one:1`, code, message));
  }
});

test('names that are none', { skip, timeout }, async (t) => {
  await assertRefused(t, 'containers-storage:', 'E_USAGE', /needs the name of an image/);
  await assertRefused(t, 'containers-storage:[vfs@/x]one', 'E_UNSUPPORTED', /uses "vfs", not overlay/);
  await assertRefused(t, 'containers-storage:[overlay@/nowhere]one', 'E_NOT_FOUND', /cannot open "\/nowhere": ENOENT/);
  await assertRefused(t, 'data-root:', 'E_USAGE', /needs a path/);
});
