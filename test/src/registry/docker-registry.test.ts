import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { buildImage, buildIndex } from '../../../fixtures/registry/image.js';
import { parseImageConfig } from '../../../store/oci/image-config.js';
import { parseManifest } from '../../../store/oci/manifest.js';
import { parsePlatform, selectFromIndex } from '../../../store/oci/platform.js';
import { missing } from '../../support/needs.js';
import { startDockerRegistry } from '../../support/real-registry.js';
import { clientFor, fetchBlob, repository } from '../../support/registry.js';

test("Debian's docker-registry", { skip: missing('docker-registry') }, async (t) => {
  const registry = await startDockerRegistry(t);
  const images = ['amd64', 'arm64'].map((architecture) =>
    buildImage({
      layers: [randomBytes(100_000), randomBytes(3_000_000)],
      format: 'oci',
      platform: { os: 'linux', architecture },
    }),
  );
  for (const image of images) await registry.push(repository, image.platform.architecture, image);
  const index = buildIndex(images);
  await registry.pushDocument(repository, 'all', index);
  const client = clientFor(t, registry.host);

  assert.deepEqual((await client.listTags()).sort(), ['all', 'amd64', 'arm64']);
  assert.equal(await client.headManifest('all'), index.digest);
  const fetched = await client.getManifest('all');
  const parsed = parseManifest(fetched.bytes, fetched.mediaType);
  assert.ok(parsed.kind === 'index');
  const chosen = selectFromIndex(parsed, parsePlatform('linux/arm64'));
  const child = await client.getManifest(chosen.digest);
  const manifest = parseManifest(child.bytes, child.mediaType);
  assert.ok(manifest.kind === 'manifest');
  assert.equal(parseImageConfig(await client.getConfig(manifest.config)).architecture, 'arm64');
  for (const [i, { digest, size }] of manifest.layers.entries()) {
    const { bytes, retries } = await fetchBlob(client, digest, size);
    assert.ok(bytes.equals(images[1]?.layers[i] ?? Buffer.alloc(0)));
    assert.deepEqual(retries, []);
  }
  await assert.rejects(client.getManifest('nope'), {
    code: 'E_NOT_FOUND',
    message: `manifest for ${registry.host}/lib/x:nope not found: manifest unknown: manifest unknown`,
  });
  await assert.rejects(clientFor(t, registry.host, { path: 'no/such' }).listTags(), { code: 'E_NOT_FOUND' });
});
