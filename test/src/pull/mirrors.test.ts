/** Pulls through mirrors, into a data root. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { cutAfter, on, stallAfter, status } from '../../../fixtures/registry/faults.js';
import { buildImage, type Image } from '../../../fixtures/registry/image.js';
import { type Fault, type RunningRegistry, startRegistry } from '../../../fixtures/registry/registry.js';
import { pull } from '../../../src/pull/pull.js';
import type { PullEvent } from '../../../src/pull/pull-event.js';
import { digestOf } from '../../../store/oci/digest.js';
import { configDir, hostsToml } from '../../support/config-files.js';
import { blobRequests } from '../../support/mirrored.js';
import { missing } from '../../support/needs.js';
import { checkStore } from '../../support/store-state.js';
import { dir, file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');
/** The second layer is large enough for a worker thread. */
const layers = [
  tar(dir('bin'), file('bin/sh', 'shell')),
  tar({ name: 'big', content: randomBytes(2_000_000) }),
  tar(file('top', 'x')),
];

interface Scene {
  image: Image;
  origin: RunningRegistry;
  mirror: RunningRegistry;
  root: string;
  events: PullEvent[];
  pull(): ReturnType<typeof pull>;
}

async function scene(t: TestContext, fault: (image: Image) => Fault, toml = '', archives = layers): Promise<Scene> {
  const contents = emptyContents();
  const image = buildImage({ layers: archives, compression: 'none' });
  addImage(contents, 'test/image', '1', image);
  const origin = await startRegistry({ contents });
  const mirror = await startRegistry({ contents, fault: fault(image) });
  t.after(() => Promise.all([origin.close(), mirror.close()]));
  const etc = configDir(t, { [hostsToml(origin.host)]: `[host."${mirror.url}"]\n${toml}` });
  const root = join(tempDir(t), 'root');
  const events: PullEvent[] = [];
  const onEvent = (event: PullEvent) => events.push(event);
  return {
    image,
    origin,
    mirror,
    root,
    events,
    pull: () => pull(`${origin.host}/test/image:1`, { root, configDir: etc, onEvent }),
  };
}

const none: Fault = (_question, answer) => answer;

test('an image from a mirror has the name of the registry', { skip }, async (t) => {
  const { origin, mirror, root, image, ...it } = await scene(t, () => none);
  const pulled = await it.pull();
  assert.equal(pulled.reference, `${origin.host}/test/image:1`);
  assert.deepEqual(origin.requests, []);
  checkStore(root);
  const repositories = readFileSync(join(root, 'image/overlay2/repositories.json'), 'utf8');
  assert.ok(repositories.includes(`${origin.host}/test/image@${image.manifest.digest}`));
  assert.ok(!repositories.includes(mirror.host));
  const metadata = join(root, 'image/overlay2/distribution/v2metadata-by-diffid/sha256');
  for (const diffId of readdirSync(metadata)) {
    const text = readFileSync(join(metadata, diffId), 'utf8');
    assert.ok(text.includes(`"${origin.host}/test/image"`), text);
    assert.ok(!text.includes(mirror.host));
  }
  const before = mirror.requests.length;
  assert.equal((await it.pull()).upToDate, true);
  assert.equal(mirror.requests.length, before + 1);
  assert.deepEqual(origin.requests, []);
});

const flip = (blob: Buffer, at: number): Buffer => {
  const copy = Buffer.from(blob);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** What the mirror sends instead of a layer. */
const lies: [what: string, (blob: Buffer) => Buffer][] = [
  ['one bit is wrong in the content of a file', (blob) => flip(blob, 1_000_000 % blob.length)],
  ['the last bit is wrong', (blob) => flip(blob, blob.length - 1)],
  ['a header is wrong', (blob) => flip(blob, 150)],
  ['nothing but zeros', (blob) => Buffer.alloc(blob.length)],
  [
    'another archive with a file more',
    (blob) => Buffer.concat([tar(file('evil', 'x')), blob]).subarray(0, blob.length),
  ],
  ['one byte more', (blob) => Buffer.concat([blob, Buffer.alloc(1)])],
];
for (const [what, lie] of lies)
  test(`layers from a mirror of which ${what}: fetched from the registry, and told`, { skip }, async (t) => {
    const fault = (image: Image) =>
      on(/\/blobs\//, (_question, answer) =>
        answer.body.equals(image.config) ? answer : { ...answer, body: lie(answer.body) },
      );
    const { origin, mirror, root, events, image, ...it } = await scene(t, fault);
    assert.equal((await it.pull()).id, digestOf(image.config));
    checkStore(root);
    assert.equal(blobRequests(origin).length, 3);
    const told = events.filter((event) => event.type === 'failover');
    assert.ok(told.length >= 1 && told.every(({ kind }) => kind === 'wrong'), JSON.stringify(told));
    assert.ok(told[0]?.from.includes(mirror.host));
    // Layers that were on their way when the first lie was found out may be asked for, no others.
    assert.ok(blobRequests(mirror).length <= 4, `${blobRequests(mirror).length} requests`);
  });

test('a lie of which the rest came from the registry is found out', { skip }, async (t) => {
  const fault = () =>
    on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 1_000_000) return answer;
      return stallAfter(500_000)(question, { ...answer, body: flip(answer.body, 400_000) }, response);
    });
  const { origin, root, events, ...it } = await scene(t, fault, 'dial_timeout = "1s"');
  const cut = setInterval(() => {
    if (events.some((event) => event.type === 'progress' && event.current >= 500_000)) void it.mirror.close();
  }, 20);
  t.after(() => clearInterval(cut));
  await it.pull();
  clearInterval(cut);
  checkStore(root);
  const ranges = blobRequests(origin).map(({ headers }) => headers.range);
  assert.equal(ranges.length, 2, String(ranges));
  assert.match(ranges[0] ?? '', /^bytes=\d+-$/);
  assert.equal(ranges[1], undefined);
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'failover' ? [event.kind] : [])),
    ['failed', 'wrong'],
  );
});

test('a mirror that dies in the middle: the rest of the layer comes from the registry', { skip }, async (t) => {
  const fault = () =>
    on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 1_000_000) return answer;
      response.once('close', () => void it.mirror.close());
      return cutAfter(1_000_000)(question, answer, response);
    });
  const it = await scene(t, fault);
  await it.pull();
  checkStore(it.root);
  const size = it.image.layers[1]?.length ?? 0;
  const sent = it.mirror.sentBytes() + it.origin.sentBytes();
  assert.ok(sent < size * 1.1, `${sent} bytes for ${size}`);
});

test('a mirror without the layers is asked for them, and no warning is made of it', { skip }, async (t) => {
  const it = await scene(t, () => on(/\/blobs\//, status(404)));
  await it.pull();
  checkStore(it.root);
  const kinds = it.events.flatMap((event) => (event.type === 'failover' ? [event.kind] : []));
  assert.ok(kinds.length >= 4 && kinds.every((kind) => kind === 'missing'));
});

test('a mirror that has failed for some layers is not asked for the others', { skip }, async (t) => {
  const many = Array.from({ length: 12 }, (_, index) => tar(file(`f${index}`, String(index))));
  const it = await scene(t, () => on(/\/blobs\//, (_q, _a, response) => void response.destroy()), '', many);
  await it.pull();
  checkStore(it.root);
  // The config and, at the same time, as many layers as there are places.
  assert.ok(blobRequests(it.mirror).length <= 5, `${blobRequests(it.mirror).length} requests`);
  assert.equal(blobRequests(it.origin).length, 13);
});

test('the registry itself is not given up for a lie', { skip }, async (t) => {
  const contents = emptyContents();
  addImage(contents, 'test/image', '1', buildImage({ layers, compression: 'none' }));
  const fault = on(/\/blobs\//, (_question, answer) =>
    answer.body.length < 1_000_000 ? answer : { ...answer, body: flip(answer.body, 1_000_000) },
  );
  const liar = await startRegistry({ contents, fault });
  t.after(() => liar.close());
  const root = join(tempDir(t), 'root');
  await assert.rejects(pull(`${liar.host}/test/image:1`, { root, configDir: '/nonexistent' }), { code: 'E_VERIFY' });
  assert.equal(blobRequests(liar).filter(({ headers }) => headers.range === undefined).length <= 4, true);
});

test('mirrors by option', { skip }, async (t) => {
  const { origin, mirror, root } = await scene(t, () => none);
  await pull(`${origin.host}/test/image:1`, {
    root,
    configDir: '/nonexistent',
    mirrors: [`${origin.host}=${mirror.url}`],
  });
  assert.deepEqual(origin.requests, []);
  checkStore(root);
});
