import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addImage } from '../../../fixtures/registry/contents.js';
import { KnownError } from '../../../store/errors.js';
import { digestOf } from '../../../store/oci/digest.js';
import { parseManifest } from '../../../store/oci/manifest.js';
import { clientFor, contentsWith, fetchLayer, opaqueImage, repository, serve } from '../../support/registry.js';

test('a manifest by tag and by digest, a config, a layer', async (t) => {
  const image = opaqueImage(300_000);
  const registry = await serve(t, { image });
  const client = clientFor(t, registry.host);
  assert.equal(client.name, `${registry.host}/lib/x`);
  assert.equal(await client.headManifest('1'), image.manifest.digest);
  const fetched = await client.getManifest('1');
  assert.deepEqual(fetched.bytes, image.manifest.bytes);
  assert.equal(fetched.digest, image.manifest.digest);
  assert.deepEqual(await client.getManifest(image.manifest.digest), fetched);
  const manifest = parseManifest(fetched.bytes, fetched.mediaType);
  assert.ok(manifest.kind === 'manifest');
  assert.deepEqual(await client.getConfig(manifest.config), image.config);
  const layer = await fetchLayer(client, image);
  assert.deepEqual(layer.bytes, image.layers[0]);
});

test('to see that a tag is up to date takes one request', async (t) => {
  const registry = await serve(t);
  await clientFor(t, registry.host).headManifest('1');
  assert.deepEqual(
    registry.requests.map(({ method, url }) => `${method} ${url}`),
    ['HEAD /v2/lib/x/manifests/1'],
  );
});

test('tags come page by page', async (t) => {
  const image = opaqueImage();
  const contents = contentsWith(image);
  const all = Array.from({ length: 250 }, (_, i) => `t${String(i).padStart(3, '0')}`);
  for (const tag of all) addImage(contents, repository, tag, image);
  const registry = await serve(t, { contents });
  assert.deepEqual(await clientFor(t, registry.host).listTags(), ['1', ...all]);
  assert.equal(registry.requests.length, 3);
});

const missing: [what: string, path: string, reference: string, message: string][] = [
  ['a tag', repository, 'nope', 'manifest for HOST/lib/x:nope not found: manifest unknown: manifest unknown'],
  [
    'a digest',
    repository,
    digestOf('x'),
    `manifest for HOST/lib/x@${digestOf('x')} not found: manifest unknown: manifest unknown`,
  ],
  [
    'a repository',
    'no/such',
    '1',
    'repository HOST/no/such not found: name unknown: repository name not known to registry',
  ],
];
for (const [what, path, reference, message] of missing) {
  test(`${what} that is missing is reported in Docker's words`, async (t) => {
    const registry = await serve(t);
    const client = clientFor(t, registry.host, { path });
    assert.equal(await client.headManifest(reference), undefined);
    await assert.rejects(
      client.getManifest(reference),
      new KnownError('E_NOT_FOUND', message.replace('HOST', registry.host)),
    );
  });
}

test('IPv6 loopback', async (t) => {
  const registry = await serve(t, { address: '::1' });
  const client = clientFor(t, registry.host);
  assert.match(client.name, /^\[::1\]:\d+\/lib\/x$/);
  assert.equal((await client.getManifest('1')).bytes.length > 0, true);
});

test('a registry that is not there', async (t) => {
  const registry = await serve(t);
  await registry.close();
  await assert.rejects(clientFor(t, registry.host).getManifest('1'), {
    code: 'E_NETWORK',
    message: `GET "http://${registry.host}/v2/lib/x/manifests/1": connection refused`,
  });
  await assert.rejects(clientFor(t, 'registry.invalid').headManifest('1'), { code: 'E_NETWORK' });
});

for (const domain of ['host:99999', 'host:0', 'host:65536']) {
  test(`${domain} is no host and port`, (t) => {
    assert.throws(() => clientFor(t, domain), { code: 'E_REFERENCE' });
  });
}
