/** Bundles: what the target lacks goes over, and no more. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildImage } from '../../../../fixtures/registry/image.js';
import { pullAll } from '../../../../src/pull/pull.js';
import { openImageDb } from '../../../../store/images/image-db.js';
import { readRepositories } from '../../../../store/images/repositories-file.js';
import { listLayers } from '../../../../store/layers/layer-db.js';
import { chainIdsOf, type DiffId } from '../../../../store/oci/digest.js';
import { base, idOf, middle, one, top, two } from '../../../support/archive-fixture.js';
import { cli } from '../../../support/cli.js';
import { packFiles, savedFiles } from '../../../support/image-archives.js';
import { missing } from '../../../support/needs.js';
import { checkStore } from '../../../support/store-state.js';
import { file, tar } from '../../../support/tar-builder.js';
import { tempDir } from '../../../support/temp.js';

const skip = missing('root');
const newer = buildImage({
  layers: [base, middle, top, tar(file('newer'))],
  compression: 'none',
  created: '2023-01-01T00:00:00Z',
});

interface Sides {
  folder: string;
  /** Has all three images. */
  source: string;
  /** Has the first one only. */
  target: string;
  state: string;
}

async function sides(t: TestContext): Promise<Sides> {
  const folder = tempDir(t);
  const [source, target, state] = [join(folder, 'source'), join(folder, 'target'), join(folder, 'state.json')];
  const archive = join(folder, 'all.tar');
  const images = [one, two, newer].map((image, at) => ({ image, tags: [`${['one', 'two', 'newer'][at]}:1`] }));
  writeFileSync(archive, packFiles(savedFiles(...images)));
  await pullAll(`docker-archive:${archive}`, { root: source });
  await pullAll(`docker-archive:${archive}:one:1`, { root: target });
  writeFileSync(state, (await must(target, 'state')).stdout);
  return { folder, source, target, state };
}

async function must(root: string, ...args: string[]) {
  const result = await cli('tsimage', root, args);
  assert.equal(result.status, 0, result.stderr);
  return result;
}

const members = (archive: string): string[] =>
  execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n');

test('only what the target lacks is in it, and there the images are whole', { skip }, async (t) => {
  const { folder, source, target, state } = await sides(t);
  const bundle = join(folder, 'bundle.tar');
  const { stderr } = await must(source, 'bundle', '--for', state, '-o', bundle, 'newer:1', 'two:1');
  assert.match(stderr, /^2 of 5 layers are in it, /);
  assert.ok(members(bundle).includes('tspull-bundle.json'));
  assert.ok(statSync(bundle).size < 100_000, 'the large layer is not in it');
  const loaded = await must(target, 'load', '-i', bundle);
  assert.equal(loaded.stdout, 'Loaded image: newer:1\nLoaded image: two:1\n');
  assert.deepEqual(openImageDb(target).ids().sort(), [one, two, newer].map(idOf).sort());
  checkStore(target);
  // As a stream, and again: everything is there.
  const piped = await cli('tsimage', source, ['bundle', '--for', '-', 'newer:1'], {
    input: (await must(target, 'state')).stdout,
  });
  assert.match(piped.stderr, /^0 of 4 layers are in it/);
});

test('without --for it is what tsimage save makes, byte for byte', { skip }, async (t) => {
  const { folder, source } = await sides(t);
  const [bundle, saved] = [join(folder, 'bundle.tar'), join(folder, 'saved.tar')];
  await must(source, 'bundle', '-o', bundle, 'newer:1', 'two:1');
  await must(source, 'save', '-o', saved, 'newer:1', 'two:1');
  execFileSync('cmp', [bundle, saved]);
  // A target that has nothing gets everything, too.
  writeFileSync(join(folder, 'nothing'), (await must(join(folder, 'no-root'), 'state')).stdout);
  await must(source, 'bundle', '--for', join(folder, 'nothing'), '-o', bundle, 'newer:1', 'two:1');
  execFileSync('cmp', [bundle, saved]);
  assert.equal(existsSync(join(folder, 'no-root')), false);
});

test('a root without the base is told what it lacks, and stays as it was', { skip }, async (t) => {
  const { folder, source, target, state } = await sides(t);
  const bundle = join(folder, 'bundle.tar');
  await must(source, 'bundle', '--for', state, '-o', bundle, 'newer:1');
  const uppermost = chainIdsOf(one.diffIds as readonly string[] as readonly DiffId[]).at(-1);
  const empty = join(folder, 'empty');
  const refused = await cli('tsimage', empty, ['load', '-i', bundle]);
  assert.deepEqual([refused.status, refused.stdout], [1, '']);
  assert.match(
    refused.stderr,
    new RegExp(`made for a root that has the layers ${uppermost}, which ".*empty" lacks\n.*tsimage state`),
  );
  assert.equal(existsSync(empty), false);
  // An image below the one that was there is not enough; a layer that went since is noticed.
  await must(target, 'rm', 'one:1');
  const gone = await cli('tsimage', target, ['load', '-i', bundle]);
  assert.match(gone.stderr, /which ".*target" lacks/);
  assert.deepEqual([...readRepositories(target).keys()], []);
  checkStore(target);
});

/** A chain that the target has in part counts only as far as it is there from the lowest layer up. */
test('a state that names layers without those below them', { skip }, async (t) => {
  const { folder, source } = await sides(t);
  const [bundle, state] = [join(folder, 'bundle.tar'), join(folder, 'odd.json')];
  const [, , third] = chainIdsOf(one.diffIds as readonly string[] as readonly DiffId[]);
  writeFileSync(state, JSON.stringify({ version: 1, layers: [third] }));
  const { stderr } = await must(source, 'bundle', '--for', state, '-o', bundle, 'newer:1');
  assert.match(stderr, /^4 of 4 layers/);
  const root = join(folder, 'fresh');
  await must(root, 'load', '-i', bundle);
  assert.equal(listLayers(root).length, 4);
});

test('states that are none', { skip }, async (t) => {
  const { folder, source } = await sides(t);
  const path = join(folder, 'bad.json');
  const id = `sha256:${'0'.repeat(64)}`;
  for (const [text, message] of [
    ['', /not acceptable JSON/],
    ['[1]', /is not an object/],
    ['{}', /has no "version"/],
    ['{"version":2}', /has version 2, and this program knows 1/],
    ['{"version":1,"layer":[]}', /has "layer", which means nothing in it/],
    ['{"version":1,"Layers":[]}', /spells "layers" as "Layers"/],
    ['{"version":1,"layers":["../../etc"]}', /not of the form sha256/],
    [`{"version":1,"layers":["${id}"],"layers":[]}`, /the key "layers" twice/],
    [`{"version":1,"layers":${'['.repeat(1000)}`, /too many levels/],
    [`{"version":1,"layers":["${'x'.repeat(9_000_000)}"]}`, /more than 8388608 bytes/],
  ] as const) {
    writeFileSync(path, text);
    const { status, stdout, stderr } = await cli('tsimage', source, ['bundle', '--for', path, 'one:1']);
    assert.deepEqual([status, stdout], [1, ''], text.slice(0, 60));
    assert.match(stderr, message);
  }
  symlinkSync('/dev/zero', join(folder, 'endless'));
  const endless = await cli('tsimage', source, ['bundle', '--for', join(folder, 'endless'), 'one:1']);
  assert.match(endless.stderr, /more than 8388608 bytes/);
});

test('bundles that lie about their base', { skip }, async (t) => {
  const { folder, target } = await sides(t);
  const chain = chainIdsOf(newer.diffIds as readonly string[] as readonly DiffId[]);
  const files = savedFiles({ image: newer, tags: ['newer:1'] });
  const layers = Object.keys(files).filter((name) => name.endsWith('layer.tar'));
  const without = (count: number, marker?: unknown) => {
    const gone = newer.diffIds.slice(0, count).map((id) => `${id.slice(7)}/layer.tar`);
    const left = Object.fromEntries(Object.entries(files).filter(([name]) => !gone.includes(name)));
    const text = typeof marker === 'string' ? marker : JSON.stringify(marker);
    return { ...left, ...(marker !== undefined && { 'tspull-bundle.json': Buffer.from(text) }) };
  };
  assert.equal(layers.length, 4);
  for (const [content, code, message] of [
    [without(2), 'E_ARCHIVE', /lacks layer 0/],
    [without(3, { version: 1, base: [] }), 'E_ARCHIVE', /lacks layer 0/],
    [without(4, { version: 1, base: [chain[2]] }), 'E_ARCHIVE', /lacks layer 3/],
    [without(4, { version: 1, base: [chain[3]] }), 'E_BUNDLE', /lacks/],
    [without(3, { version: 2, base: [chain[2]] }), 'E_UNSUPPORTED', /version 2/],
    [without(3, { base: [chain[2]] }), 'E_UNSUPPORTED', /version none/],
    [without(3, { version: 1 }), 'E_DOCUMENT', /no "base"/],
    [without(3, { version: 1, base: ['../x'] }), 'E_DIGEST', /not of the form/],
    [without(3, '{"version":1,'), 'E_DOCUMENT', /not acceptable JSON/],
    [without(3, 'x'.repeat(1_100_000)), 'E_DOCUMENT', /1100000 bytes, more than/],
  ] as const) {
    const path = join(folder, 'lie.tar');
    writeFileSync(path, packFiles(content));
    await assert.rejects(pullAll(`docker-archive:${path}`, { root: target }), (error) => {
      assert.ok(error instanceof Error && 'code' in error);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(openImageDb(target).ids(), [idOf(one)]);
  }
  checkStore(target);
  // A layer that is in it although the target has it is no harm.
  writeFileSync(join(folder, 'more.tar'), packFiles(without(1, { version: 1, base: [chain[2]] })));
  await pullAll(`docker-archive:${join(folder, 'more.tar')}`, { root: target });
  checkStore(target);
});
