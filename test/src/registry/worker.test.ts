import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { BlobChallenge } from '../../../src/registry/blob-target.js';
import { digestOf } from '../../../store/oci/digest.js';
import { clientFor, opaqueImage, serve } from '../../support/registry.js';

const modules = new URL('../../../src/registry/', import.meta.url).href;
const script = `
  import { createHash } from 'node:crypto';
  import { parentPort, workerData } from 'node:worker_threads';
  import { streamBlob } from '${modules}blob-stream.js';
  import { openTransport } from '${modules}transport.js';
  const { target, size } = workerData;
  const transport = openTransport(target.endpoints[0].transport);
  const hash = createHash('sha256');
  await streamBlob({
    target, size, transportFor: () => transport,
    onChunk: (chunk) => hash.update(chunk),
    authorize: (challenge) => new Promise((resolve) => {
      parentPort.once('message', resolve);
      parentPort.postMessage({ challenge });
    }),
  });
  transport.close();
  parentPort.postMessage({ digest: 'sha256:' + hash.digest('hex') });
`;

test('a worker thread fetches a blob and asks the main thread for a new token', async (t) => {
  const image = opaqueImage(2_000_000);
  const [blob = Buffer.alloc(0)] = image.layers;
  const registry = await serve(t, { image, auth: { kind: 'bearer' } });
  const client = clientFor(t, registry.host);
  await client.getManifest('1');
  const target = await client.blobTarget(digestOf(blob));
  registry.revokeTokens();
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    workerData: { target, size: blob.length },
  });
  t.after(() => worker.terminate());
  const asked: unknown[] = [];
  const digest = await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', async (message: { digest?: string; challenge: BlobChallenge }) => {
      if (message.digest !== undefined) return resolve(message.digest);
      asked.push(message);
      worker.postMessage(await client.authorize(message.challenge));
    });
  });
  assert.equal(digest, digestOf(blob));
  assert.equal(asked.length, 1);
});
