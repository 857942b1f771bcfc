import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pull, pullAll } from '../../../../src/pull/pull.js';
import { lookUp } from '../../../../store/images/repositories.js';
import { readRepositories } from '../../../../store/images/repositories-file.js';
import { dockerArchive, idOf, one, packed, two } from '../../../support/archive-fixture.js';
import { cli } from '../../../support/cli.js';
import { packFiles, savedFiles } from '../../../support/image-archives.js';
import { missing } from '../../../support/needs.js';
import { serveImage } from '../../../support/serve.js';
import { checkStore } from '../../../support/store-state.js';
import { tempDir } from '../../../support/temp.js';
import { describeTree } from '../../../support/tree.js';

const skip = missing('root');

/** A root with two images that share a layer. */
async function otherRoot(t: TestContext): Promise<string> {
  const files = savedFiles({ image: one, tags: ['one:1', 'host:5000/uno:1'] }, { image: two, tags: ['two:1'] });
  const { pull: load, root } = dockerArchive(t, files);
  await load();
  return root;
}

const namesIn = (root: string): string[] => [...readRepositories(root).values()].flatMap((keys) => [...keys.keys()]);

test('all images of another root, which stays as it is', { skip }, async (t) => {
  const from = await otherRoot(t);
  const before = describeTree(from);
  const root = join(tempDir(t), 'root');
  const images = await pullAll(`data-root:${from}`, { root });
  assert.deepEqual(images.map(({ id }) => id).sort(), [idOf(one), idOf(two)].sort());
  assert.deepEqual(namesIn(root).sort(), ['host:5000/uno:1', 'one:1', 'two:1']);
  checkStore(root);
  assert.deepEqual(describeTree(from), before);
  assert.ok((await pullAll(`data-root:${from}`, { root })).every(({ upToDate }) => upToDate));
});

test('with SOURCE_DATE_EPOCH the same images make the same root, whatever they come from', { skip }, async (t) => {
  const from = await otherRoot(t);
  const archive = join(tempDir(t), 'all.tar');
  const images = [
    { image: two, tags: ['two:1'] },
    { image: one, tags: ['one:1', 'host:5000/uno:1'] },
  ];
  writeFileSync(archive, packFiles(savedFiles(...images)));
  const trees = [`data-root:${from}`, `docker-archive:${archive}`].map(async (source) => {
    const root = join(tempDir(t), 'root');
    const { status, stderr } = await cli('tspull', root, ['-q', source], { env: { SOURCE_DATE_EPOCH: '1' } });
    assert.equal(status, 0, stderr);
    checkStore(root);
    return describeTree(root, { times: false });
  });
  assert.deepEqual(await trees[0], await trees[1]);
  assert.notDeepEqual(await trees[0], describeTree(from, { times: false }));
});

test('one of them, by name or by id; what is not there is told', { skip }, async (t) => {
  const from = await otherRoot(t);
  const root = join(tempDir(t), 'root');
  assert.equal((await pull(`data-root:${from}:host:5000/uno`, { root }).catch((error) => error)).code, 'E_NOT_FOUND');
  const image = await pull(`data-root:${from}:host:5000/uno:1`, { root });
  assert.deepEqual([image.id, image.names], [idOf(one), ['host:5000/uno:1']]);
  assert.deepEqual((await pull(`data-root:${from}:${idOf(two)}`, { root })).names, []);
  assert.deepEqual(namesIn(root), ['host:5000/uno:1']);
  checkStore(root);
  const wrong = pull(`data-root:${from}:three`, { root });
  await assert.rejects(wrong, { code: 'E_NOT_FOUND', hint: 'it has one:1, host:5000/uno:1, two:1' });
  await assert.rejects(pull(`data-root:${from}`, { root }), { code: 'E_USAGE' });
  await assert.rejects(pull(`data-root:${join(from, 'image')}`, { root }), /it is no data root with images/);
  await assert.rejects(pull(`data-root:${join(from, 'none')}`, { root }), { code: 'E_NOT_FOUND' });
});

test('the digests under which it was pulled are proven by the manifests that are kept, and go along', {
  skip,
}, async (t) => {
  const { name } = await serveImage(t, { image: packed });
  const [from, root] = [join(tempDir(t), 'from'), join(tempDir(t), 'root')];
  const { digest } = await pull(name, { root: from });
  await pull(`data-root:${from}:${name}`, { root });
  const repository = name.slice(0, name.lastIndexOf(':'));
  assert.equal(lookUp(readRepositories(root), repository, `${repository}@${digest}`), idOf(packed));
  assert.match((await pull(name, { root })).upToDate ? 'up to date' : 'pulled again', /up to date/);
  checkStore(root);
});
