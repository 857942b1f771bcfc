import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addDocument, addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { buildImage, buildIndex } from '../../../fixtures/registry/image.js';
import { serializeRepositories } from '../../../store/images/repositories.js';
import { readRepositories } from '../../../store/images/repositories-file.js';
import { readLayer } from '../../../store/layers/layer-db.js';
import { chainIdsOf, type DiffId, digestOf, parseChainId } from '../../../store/oci/digest.js';
import { cli } from '../../support/cli.js';
import { packFiles, savedFiles } from '../../support/image-archives.js';
import { missing } from '../../support/needs.js';
import { serve } from '../../support/registry.js';
import { checkStore } from '../../support/store-state.js';
import { dir, file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');

const image = buildImage({
  layers: [tar(dir('etc/'), file('etc/name', 'content')), tar(file('above', 'more'))],
  compression: 'gzip',
});
const plain = buildImage({ layers: [tar(dir('etc/'), file('etc/name', 'content'))], compression: 'none' });

async function good(root: string, program: 'tsimage' | 'tspull', ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await cli(program, root, args);
  assert.equal(status, 0, stderr);
  return stdout;
}

const newRoot = (t: TestContext): string => join(tempDir(t), 'data');
const repositories = (root: string): string => serializeRepositories(readRepositories(root));

/** A root with `x:1`, and the archive of it. */
async function saved(t: TestContext): Promise<{ root: string; archive: string }> {
  const root = newRoot(t);
  const archive = join(tempDir(t), 'x.tar');
  writeFileSync(archive, packFiles(savedFiles({ image: plain, tags: ['x:1'] })));
  await good(root, 'tsimage', 'load', '-i', archive);
  return { root, archive: join(tempDir(t), 'saved.tar') };
}

test('the digests by which images were pulled survive, of an index and of a manifest', { skip }, async (t) => {
  const contents = emptyContents();
  addImage(contents, 'lib/x', '1', image);
  addDocument(contents, 'lib/x', 'index', buildIndex([image]));
  const { host } = await serve(t, { contents });
  const first = newRoot(t);
  await good(first, 'tspull', '-q', `${host}/lib/x:1`, `${host}/lib/x:index`);
  assert.equal(repositories(first).match(/@sha256:/g)?.length, 2);
  const archive = join(tempDir(t), 'x.tar');
  await good(first, 'tsimage', 'save', '-o', archive, `${host}/lib/x`);
  const second = newRoot(t);
  await good(second, 'tsimage', 'load', '-i', archive);
  checkStore(second);
  assert.equal(repositories(second), repositories(first));
  await good(second, 'tsimage', 'save', '-o', `${archive}.2`, `${host}/lib/x`);
  assert.ok(readFileSync(archive).equals(readFileSync(`${archive}.2`)));
  // What only claims to be the digest of an image does not become one.
  const text = readFileSync(archive, 'latin1');
  const digest = /@sha256:([0-9a-f]{64})/.exec(text)?.[1] ?? '';
  const wrong = text.replaceAll(`@sha256:${digest}`, `@sha256:${digestOf('another').slice(7)}`);
  writeFileSync(archive, wrong, 'latin1');
  const third = newRoot(t);
  await good(third, 'tsimage', 'load', '-i', archive);
  assert.equal(repositories(third).match(/@sha256:/g)?.length, 1);
});

test('a damaged layer is not saved, and no file is left or touched', { skip }, async (t) => {
  const { root, archive } = await saved(t);
  const [chainId] = chainIdsOf(plain.diffIds as readonly string[] as DiffId[]);
  assert.ok(chainId);
  const layer = readLayer(root, parseChainId(chainId));
  writeFileSync(join(root, 'overlay2', layer?.cacheId ?? '', 'diff/etc/name'), 'Content');
  writeFileSync(archive, 'what was there');
  const { status, stderr } = await cli('tsimage', root, ['save', '-o', archive, 'x:1']);
  assert.equal(status, 1);
  assert.ok(stderr.includes(`layer ${chainId} is damaged: "etc/name": its content has changed`), stderr);
  assert.deepEqual(readdirSync(join(archive, '..')), ['saved.tar']);
  assert.equal(readFileSync(archive, 'utf8'), 'what was there');
});

test('what cannot be written or found is told', { skip }, async (t) => {
  const { root, archive } = await saved(t);
  const folder = join(tempDir(t), 'folder');
  mkdirSync(folder);
  for (const [args, message] of [
    [['save', '-o', folder, 'x:1'], /^tsimage: cannot write to a directory/],
    [['save', '-o', join(folder, 'no/x.tar'), 'x:1'], /^tsimage: cannot write ".*x.tar": ENOENT\n$/],
    [['save', '-o', archive, 'nothing', 'x:1'], /^tsimage: No such image: nothing:latest\n$/],
    [['save'], /'tsimage save' requires at least 1 argument/],
    [['save', '--format', 'other', 'x:1'], /invalid argument "other" for "--format" flag/],
    [['load', '-i', join(folder, 'none')], /^tsimage: cannot open ".*none": ENOENT\n$/],
    [['load', 'x'], /'tsimage load' accepts no arguments/],
    [['load'], /^tsimage: the archive is empty\n$/],
  ] as const) {
    const { status, stderr } = await cli('tsimage', root, args);
    assert.notEqual(status, 0, args.join(' '));
    assert.match(stderr, message);
  }
  assert.deepEqual(readdirSync(join(archive, '..')), []);
});

test('a path with a colon, and a file that is no archive of images', { skip }, async (t) => {
  const { root, archive } = await saved(t);
  const odd = `${archive}:odd:@0`;
  await good(root, 'tsimage', 'save', '-o', odd, 'x:1');
  assert.equal(await good(newRoot(t), 'tsimage', 'load', '-i', odd), 'Loaded image: x:1\n');
  writeFileSync(odd, tar(file('other')));
  const { status, stderr } = await cli('tsimage', newRoot(t), ['load', '-i', odd]);
  assert.equal(status, 1);
  assert.match(stderr, /has no manifest\.json, so it is not what docker save writes/);
});
