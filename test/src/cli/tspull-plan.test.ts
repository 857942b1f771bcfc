/** `--plan`: what a pull would take, against what it then takes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { cutAfter, inTurn, on, withHeaders } from '../../../fixtures/registry/faults.js';
import { buildImage, type Image } from '../../../fixtures/registry/image.js';
import { type Fault, startRegistry } from '../../../fixtures/registry/registry.js';
import type { PullPlan } from '../../../src/pull/plan.js';
import { cli } from '../../support/cli.js';
import { ext4Disk, tmpfsDisk } from '../../support/loop-disk.js';
import { missing } from '../../support/needs.js';
import { startDockerRegistry } from '../../support/real-registry.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { describeTree } from '../../support/tree.js';

const skip = missing('root');
const layer = (name: string, bytes: number) => tar(file(name, '', { content: randomBytes(bytes) }));
const sizeOf = (...blobs: (Buffer | undefined)[]) => blobs.reduce((sum, blob) => sum + (blob?.length ?? 0), 0);

async function serve(t: TestContext, images: Record<string, Image>, fault?: Fault) {
  const contents = emptyContents();
  for (const [name, image] of Object.entries(images)) addImage(contents, name, '1', image);
  const registry = await startRegistry({ contents, ...(fault && { fault }) });
  t.after(() => registry.close());
  return registry;
}

async function planOf(root: string, names: string[]): Promise<PullPlan & { status: number | null }> {
  const { status, stdout, stderr } = await cli('tspull', root, ['--plan', '--json', ...names]);
  assert.ok(stdout, stderr);
  return { ...JSON.parse(stdout), status };
}

test('a cold plan, one with layers here and shared, and an image that is up to date', { skip }, async (t) => {
  const [base, own, more] = [layer('base', 400_000), layer('own', 200_000), layer('more', 100_000)];
  const images = {
    'lib/base': buildImage({ layers: [base] }),
    'lib/a': buildImage({ layers: [base, own] }),
    'lib/b': buildImage({ layers: [base, own, more, own] }),
  };
  const registry = await serve(t, images);
  const root = join(tempDir(t), 'root');
  const [baseName = '', a = '', b = ''] = Object.keys(images).map((name) => `${registry.host}/${name}:1`);
  const [bBase, bOwn, bMore] = images['lib/b'].layers;

  const cold = await planOf(root, [a, b]);
  assert.equal(cold.status, 0);
  assert.equal(cold.verdict, 'fits');
  assert.equal(cold.fetchBytes, sizeOf(bBase, bOwn, bMore, bOwn), 'the upper one stands elsewhere in the chain');
  assert.equal(cold.sharedBytes, sizeOf(bBase, bOwn));
  assert.equal(cold.hereBytes, 0);
  assert.ok(cold.least.bytes < cold.likely.bytes && cold.least.inodes < cold.likely.inodes);
  assert.ok((cold.free.bytes ?? 0) > 0);
  assert.equal(existsSync(root), false, 'a plan writes nothing');

  assert.equal((await cli('tspull', root, ['-q', baseName])).status, 0);
  const before = describeTree(root);
  const warm = await planOf(root, [baseName, a, b]);
  assert.deepEqual(
    warm.images.map(({ reference, upToDate, fetchBytes, hereBytes, sharedBytes }) => ({
      reference,
      upToDate,
      fetchBytes,
      hereBytes,
      sharedBytes,
    })),
    [
      { reference: baseName, upToDate: true, fetchBytes: 0, hereBytes: sizeOf(bBase), sharedBytes: 0 },
      { reference: a, upToDate: false, fetchBytes: sizeOf(bOwn), hereBytes: sizeOf(bBase), sharedBytes: 0 },
      {
        reference: b,
        upToDate: false,
        fetchBytes: sizeOf(bMore, bOwn),
        hereBytes: sizeOf(bBase),
        sharedBytes: sizeOf(bOwn),
      },
    ],
  );
  assert.deepEqual(describeTree(root), before, 'a plan writes nothing');
  const requests = registry.requests.length;
  const done = await planOf(root, [baseName]);
  assert.deepEqual([done.status, done.verdict, registry.requests.length], [0, 'up to date', requests + 1]);
});

test('what is fetched is what was planned', { skip }, async (t) => {
  const images = { 'lib/a': buildImage({ layers: [layer('a', 900_000), layer('b', 300_000)] }) };
  const registry = await serve(t, images);
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/a:1`;
  const planned = await planOf(root, [name]);
  const before = registry.sentBytes();
  assert.equal((await cli('tspull', root, ['-q', name])).status, 0);
  const sent = registry.sentBytes() - before;
  assert.ok(sent >= planned.fetchBytes && sent < planned.fetchBytes * 1.02, `${sent} of ${planned.fetchBytes}`);
});

test('what an earlier run left is not counted again', { skip }, async (t) => {
  const images = { 'lib/a': buildImage({ layers: [layer('a', 2_000_000)], compression: 'none' }) };
  let cut = true;
  const registry = await serve(
    t,
    images,
    on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 10_000 || !cut) return answer;
      if (question.headers['range'] === undefined) return cutAfter(1_000_000)(question, answer, response);
      return { ...answer, status: 403, body: Buffer.alloc(0) };
    }),
  );
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/a:1`;
  assert.equal((await cli('tspull', root, ['-q', name])).status, 1);
  const {
    fetchBytes,
    images: [image],
  } = await planOf(root, [name]);
  const kept = image?.layers[0]?.keptBytes ?? 0;
  assert.ok(kept > 500_000 && kept <= 1_001_000, `${kept} kept`);
  assert.equal(fetchBytes, sizeOf(...images['lib/a'].layers) - kept);
  assert.match(
    (await cli('tspull', root, ['--plan', name])).stdout,
    /^To fetch +\S+B, and \S+B are left of an earlier pull$/m,
  );
  cut = false;
});

test('no room: status 3, and the pull is refused too; little room: it may not fit', {
  skip: missing('root', 'mount', 'mkfs.ext4'),
}, async (t) => {
  const registry = await serve(t, { 'lib/a': buildImage({ layers: [layer('a', 3_000_000)] }) });
  const name = `${registry.host}/lib/a:1`;
  for (const disk of [tmpfsDisk(t, 'size=2m'), ext4Disk(t, 2)]) {
    const root = join(disk.path, 'root');
    const { status, stdout } = await cli('tspull', root, ['--plan', name]);
    assert.equal(status, 3);
    assert.match(stdout, /^It does not fit\.$/m);
    assert.equal((await planOf(root, [name])).verdict, 'does not fit');
    assert.equal((await cli('tspull', root, ['-q', name])).status, 1);
  }
  const tight = tmpfsDisk(t, 'size=4m');
  const planned = await planOf(join(tight.path, 'root'), [name]);
  assert.deepEqual([planned.status, planned.verdict], [3, 'may not fit']);
  const inodes = tmpfsDisk(t, 'size=64m,nr_inodes=8');
  assert.equal((await planOf(join(inodes.path, 'root'), [name])).verdict, 'does not fit');
});

test('how much may still be pulled, where the registry says it', { skip }, async (t) => {
  const limits = withHeaders({ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' });
  const registry = await serve(
    t,
    { 'lib/a': buildImage({ layers: [layer('a', 1000)] }) },
    inTurn(on(/\/manifests\//, limits)),
  );
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/a:1`;
  const {
    limits: [limit],
  } = await planOf(root, [name]);
  assert.deepEqual({ ...limit, endpoint: '' }, { limit: 100, remaining: 76, windowSeconds: 21600, endpoint: '' });
  const { stdout } = await cli('tspull', root, ['--plan', name]);
  assert.match(stdout, new RegExp(`^Pulls left +76 of 100 in 6 hours at https?://${registry.host}/`, 'm'));
  await cli('tspull', root, ['-q', name]);
  assert.match((await cli('tspull', root, ['--plan', name])).stdout, /^.*: up to date$[\s\S]*^Pulls left/m);
});

test('what cannot be had is told, beside what can; sources other than registries are refused', { skip }, async (t) => {
  const registry = await serve(t, { 'lib/a': buildImage({ layers: [layer('a', 1000)] }) });
  const root = join(tempDir(t), 'root');
  const args = ['--plan', `${registry.host}/lib/a:1`, `${registry.host}/lib/none:1`, 'oci:/x'];
  const { status, stdout, stderr } = await cli('tspull', root, args);
  assert.equal(status, 1);
  assert.match(stdout, /lib\/a:1: layers: 1 to fetch \(\S+B\)$/m);
  assert.match(stdout, /lib\/none:1: cannot be had$/m);
  assert.match(stderr, /not found/);
  assert.match(stderr, /"oci:\/x" is not in a registry/);
  const { images } = await planOf(root, args.slice(1, 3));
  assert.match(JSON.stringify(images[1]?.error), /"code":"E_NOT_FOUND"/);
});

test('all tags of a repository of the reference registry', { skip: missing('docker-registry') }, async (t) => {
  const registry = await startDockerRegistry(t);
  const shared = layer('shared', 200_000);
  const images = ['1', '2', '3'].map((name) => buildImage({ layers: [shared, layer(name, 50_000)] }));
  for (const [at, image] of images.entries()) await registry.push('lib/x', `v${at}`, image);
  const { status, stdout } = await cli('tspull', join(tempDir(t), 'root'), [
    '--plan',
    '--json',
    '-a',
    `${registry.host}/lib/x`,
  ]);
  const planned: PullPlan = JSON.parse(stdout);
  assert.equal(status, 0);
  assert.deepEqual(planned.images.map(({ reference }) => reference.slice(-2)).sort(), ['v0', 'v1', 'v2']);
  const [first] = images;
  assert.equal(planned.fetchBytes, sizeOf(first?.layers[0], ...images.map(({ layers }) => layers[1])));
  assert.equal(planned.sharedBytes, 2 * sizeOf(first?.layers[0]));
});
