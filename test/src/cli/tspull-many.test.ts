/** Several images in one command: names, all tags, platforms. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { addDocument, addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { on, trickleChunks } from '../../../fixtures/registry/faults.js';
import { buildImage, buildIndex, hostPlatform, type Image } from '../../../fixtures/registry/image.js';
import { type Fault, startRegistry } from '../../../fixtures/registry/registry.js';
import { readRepositories } from '../../../store/images/repositories-file.js';
import { digestOf } from '../../../store/oci/digest.js';
import { bundledProgram, cli } from '../../support/cli.js';
import { dockerdNeeds, startDockerd } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { startDockerRegistry } from '../../support/real-registry.js';
import { checkStore } from '../../support/store-state.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');
const layer = (name: string, bytes = 300_000) => tar(file(name, '', { content: randomBytes(bytes) }));
const imageOf = (...layers: Buffer[]) => buildImage({ layers, compression: 'none' });

async function serve(t: TestContext, images: Record<string, Image>, fault?: Fault) {
  const contents = emptyContents();
  for (const [name, image] of Object.entries(images)) {
    const [path = '', tag = '1'] = name.split(':');
    addImage(contents, path, tag, image);
  }
  const registry = await startRegistry({ contents, ...(fault && { fault }) });
  t.after(() => registry.close());
  const requestsFor = (blob: Buffer) =>
    registry.requests.filter(({ url }) => url.endsWith(`/blobs/${digestOf(blob)}`)).length;
  return { registry, contents, requestsFor };
}

test('a layer that several of the names share is fetched once, at most so many at a time', { skip }, async (t) => {
  const shared = layer('shared', 600_000);
  const images = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`lib/${name}`, imageOf(shared, layer(name))]),
  );
  let [now, most] = [0, 0];
  const { registry, requestsFor } = await serve(
    t,
    images,
    on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 10_000) return answer;
      most = Math.max(most, ++now);
      response.once('close', () => now--);
      return trickleChunks(60_000, 30)(question, answer, response);
    }),
  );
  const root = join(tempDir(t), 'root');
  const names = Object.keys(images).map((name) => `${registry.host}/${name}:1`);
  const { status, stdout, stderr } = await cli('tspull', root, ['--max-concurrent-downloads', '2', ...names]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `${names.join('\n')}\n`);
  assert.equal(requestsFor(shared), 1);
  assert.ok(most === 2, `${most} at once`);
  for (const name of names) assert.ok(stderr.includes(`Status: Downloaded newer image for ${name}\n`), stderr);
  checkStore(root);
});

test('one failure does not stop the others; the status tells, and each failure is told once', { skip }, async (t) => {
  const { registry } = await serve(
    t,
    { 'lib/good': imageOf(layer('x')), 'lib/bad': imageOf(layer('y')), 'lib/other': imageOf(layer('z')) },
    on(/lib\/bad\/blobs\//, (_question, answer) =>
      answer.body.length < 10_000 ? answer : { ...answer, body: Buffer.alloc(answer.body.length) },
    ),
  );
  const root = join(tempDir(t), 'root');
  const names = ['good', 'bad', 'nothing', 'other'].map((name) => `${registry.host}/lib/${name}:1`);
  const { status, stdout, stderr } = await cli('tspull', root, ['-q', ...names, 'UPPER']);
  assert.equal(status, 1);
  assert.equal(stdout, `${names[0]}\n${names[3]}\n`);
  const failures = stderr.split('\n').filter((line) => line.startsWith('tspull: '));
  assert.equal(failures.length, 3, stderr);
  assert.match(failures[0] ?? '', /digest/);
  assert.match(failures[1] ?? '', /not found/);
  assert.match(failures[2] ?? '', /must be lowercase/);
  checkStore(root);
});

test('a layer whose fetching image fails is taken over by another one', { skip }, async (t) => {
  const shared = layer('shared');
  const bad = layer('bad', 20_000);
  const { registry } = await serve(
    t,
    { 'lib/a': imageOf(shared, bad), 'lib/b': imageOf(shared, layer('b')) },
    on(/\/blobs\//, async (question, answer, response) => {
      if (answer.body.length < 10_000) return answer;
      if (answer.body.equals(bad)) return { ...answer, body: Buffer.alloc(answer.body.length) };
      return trickleChunks(30_000, 50)(question, answer, response);
    }),
  );
  const root = join(tempDir(t), 'root');
  const [a, b] = ['a', 'b'].map((name) => `${registry.host}/lib/${name}:1`);
  const { status, stdout } = await cli('tspull', root, ['-q', a ?? '', b ?? '']);
  assert.equal(status, 1);
  assert.equal(stdout, `${b}\n`);
  checkStore(root);
});

test('-a: every tag, one status and one name, as Docker', { skip }, async (t) => {
  const images = { 'lib/x:1': imageOf(layer('1')), 'lib/x:2': imageOf(layer('2')), 'lib/x:other': imageOf(layer('o')) };
  const { registry } = await serve(t, images);
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/x`;
  const first = await cli('tspull', root, ['-a', name]);
  assert.equal(first.status, 0, first.stderr);
  assert.equal(first.stdout, `${name}\n`);
  for (const [key, { manifest }] of Object.entries(images)) {
    assert.ok(first.stderr.includes(`${key.slice(6)}: Pulling from lib/x\n`), first.stderr);
    assert.ok(first.stderr.includes(`Digest: ${manifest.digest}\n`));
  }
  assert.equal(first.stderr.match(/^Status: .*$/gm)?.join(), `Status: Downloaded newer image for ${name}`);
  assert.doesNotMatch(first.stderr, /Using default tag/);
  checkStore(root);
  const again = await cli('tspull', root, ['--all-tags', name]);
  assert.equal(again.stderr.match(/^Status: .*$/gm)?.join(), `Status: Image is up to date for ${name}`);
  assert.equal((await cli('tspull', root, ['-qa', name])).stdout, `${name}\n`);
});

test('-a refuses a tag, a digest and what is no registry', { skip }, async (t) => {
  for (const [name, message] of [
    ['x:1', /^tspull: tag can't be used with --all-tags\/-a$/m],
    [`x@sha256:${'a'.repeat(64)}`, /^tspull: tag can't be used with --all-tags\/-a$/m],
    ['docker-archive:x.tar', /is not in a registry, which could list its tags/],
  ] as const) {
    const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), ['-a', name]);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
});

const other = { os: 'linux', architecture: hostPlatform.architecture === 'arm64' ? 's390x' : 'arm64' };
const third = { os: 'linux', architecture: 'riscv64' };

test('several platforms: the tag is this machine’s, the others have their own digest as name', { skip }, async (t) => {
  const shared = layer('shared');
  const images = [third, other, hostPlatform].map((platform) =>
    buildImage({ layers: [shared, layer(platform.architecture)], platform, compression: 'none' }),
  );
  const { registry, contents, requestsFor } = await serve(t, {});
  for (const image of images) addImage(contents, 'lib/x', undefined, image);
  const index = buildIndex(images);
  addDocument(contents, 'lib/x', '1', index);
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/x`;
  const list = [third, other, hostPlatform].map(({ os, architecture }) => `${os}/${architecture}`);
  const { status, stdout, stderr } = await cli('tspull', root, [
    `--platform=${list[0]},${list[1]}`,
    `--platform=${list[2]}`,
    `${name}:1`,
  ]);
  assert.equal(status, 0, stderr);
  const [a, b, host] = images;
  assert.equal(stdout, `${name}@${a?.manifest.digest}\n${name}@${b?.manifest.digest}\n${name}:1\n`);
  assert.equal(requestsFor(shared), 1);
  const names = readRepositories(root).get(name);
  const idOf = (image?: Image) => digestOf(image?.config ?? Buffer.alloc(0));
  assert.deepEqual(
    new Map([...(names ?? [])].sort()),
    new Map(
      [
        [`${name}:1`, idOf(host)],
        [`${name}@${index.digest}`, idOf(host)],
        [`${name}@${a?.manifest.digest}`, idOf(a)],
        [`${name}@${b?.manifest.digest}`, idOf(b)],
      ].sort() as [string, string][],
    ),
  );
  checkStore(root);
  const again = await cli('tspull', root, [`--platform=${list.join()}`, `${name}:1`]);
  assert.equal(again.stderr.match(/Image is up to date/g)?.length, 3);
  const some = await cli('tspull', root, [`--platform=${list[0]},linux/ppc64le`, '-q', `${name}:1`]);
  assert.equal(some.status, 1);
  assert.equal(some.stdout, `${name}:1\n`, 'the first one gets the tag where this machine’s is not asked for');
  assert.match(some.stderr, /no matching manifest for linux\/ppc64le/);
});

test('an archive is pulled for one platform', { skip }, async (t) => {
  const args = ['--platform', 'linux/amd64,linux/arm64', 'oci:/nonexistent'];
  const { status, stderr } = await cli('tspull', join(tempDir(t), 'root'), args);
  assert.equal(status, 1);
  assert.match(stderr, /"oci:\/nonexistent" is not in a registry: it is pulled for one platform/);
});

test('all tags and platforms from the reference registry: dockerd takes them', {
  skip: missing('docker-registry', ...dockerdNeeds),
}, async (t) => {
  const registry = await startDockerRegistry(t);
  const shared = layer('shared');
  const images = [hostPlatform, other].map((platform) =>
    buildImage({ layers: [shared, layer(platform.architecture)], platform }),
  );
  for (const [at, image] of images.entries()) await registry.push('lib/x', `part${at}`, image);
  await registry.pushDocument('lib/x', 'both', buildIndex(images));
  const root = join(tempDir(t), 'root');
  const name = `${registry.host}/lib/x`;
  const platforms = [hostPlatform, other].map(({ os, architecture }) => `${os}/${architecture}`).join();
  assert.equal((await cli('tspull', root, ['-q', '--platform', platforms, `${name}:both`])).status, 0);
  assert.equal((await cli('tspull', root, ['-q', `${name}:part0`, `${name}:both`])).status, 0);
  checkStore(root);
  const daemon = await startDockerd(t, { root });
  const { stdout } = await daemon.docker(['images', '--digests', '--format', '{{.Tag}} {{.Digest}} {{.ID}}']);
  const [host, elsewhere] = images;
  const byDigest = `${name}@${elsewhere?.manifest.digest}`;
  const inspected = await daemon.docker(['image', 'inspect', '-f', '{{.Architecture}}', byDigest]);
  await daemon.stop();
  const id = (image?: Image) => digestOf(image?.config ?? Buffer.alloc(0)).slice(7, 19);
  assert.match(stdout, new RegExp(`^both sha256:\\w+ ${id(host)}$`, 'm'));
  assert.match(stdout, new RegExp(`^<none> ${elsewhere?.manifest.digest} ${id(elsewhere)}$`, 'm'));
  assert.equal(inspected.stdout.trim(), other.architecture);
});

test('many images of few layers, some named twice: each layer is fetched once', { skip }, async (t) => {
  const parts = Array.from({ length: 6 }, (_, at) => layer(`part ${at}`, 40_000));
  const images = Object.fromEntries(
    Array.from({ length: 15 }, (_, at) => [`lib/x${at}`, imageOf(...parts.slice(0, 1 + (at % parts.length)))]),
  );
  const { registry, requestsFor } = await serve(t, images, on(/\/blobs\//, trickleChunks(10_000, 10)));
  const root = join(tempDir(t), 'root');
  const names = Object.keys(images).map((name) => `${registry.host}/${name}:1`);
  const { status, stdout, stderr } = await cli('tspull', root, ['-q', ...names, ...names.slice(0, 3)]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trimEnd().split('\n').length, 18);
  assert.deepEqual(parts.map(requestsFor), [1, 1, 1, 1, 1, 1]);
  checkStore(root);
});

test('Ctrl-C ends all of them, says so once, and leaves nothing half-made', { skip }, async (t) => {
  const images = { 'lib/a': imageOf(layer('a', 900_000)), 'lib/b': imageOf(layer('b', 900_000)) };
  const { registry } = await serve(t, images, on(/\/blobs\//, trickleChunks(20_000, 100)));
  const root = join(tempDir(t), 'root');
  const names = Object.keys(images).map((name) => `${registry.host}/${name}:1`);
  const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', ...names]);
  t.after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (registry.sentBytes() < 200_000) await delay(20);
  child.kill('SIGINT');
  const [status] = await once(child, 'exit');
  assert.equal(status, 130);
  assert.equal(said.match(/was cancelled/g)?.length, 1, said);
  checkStore(root);
});
