/** Connections that break, stall and lie in the middle of a blob. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  atFirst,
  chunked,
  cutAfter,
  endless,
  ignoreRange,
  inTurn,
  on,
  replaceBy,
  stallAfter,
  status,
  trickle,
  withHeaders,
} from '../../../fixtures/registry/faults.js';
import type { Fault } from '../../../fixtures/registry/registry.js';
import { digestOf } from '../../../store/oci/digest.js';
import { clientFor, fetchBlob, fetchLayer, opaqueImage, serve } from '../../support/registry.js';

const mebibyte = 1024 * 1024;
const blobs = /\/blobs\//;
const onRange =
  (fault: Fault): Fault =>
  (question, answer, response) =>
    question.headers['range'] === undefined ? answer : fault(question, answer, response);

/** what, size, fault, and the outcome: how many blob requests, or the error */
const scenes: [
  what: string,
  size: number,
  fault: (blob: Buffer) => Fault,
  outcome: number | { code: string; message?: RegExp },
][] = [
  ['no fault', 3 * mebibyte, () => (_question, answer) => answer, 1],
  ['cut after every MiB (R23)', 5 * mebibyte + 7, () => cutAfter(mebibyte), 6],
  ['cut once, Range ignored (R24)', mebibyte, (blob) => inTurn(ignoreRange(blob), atFirst(1, cutAfter(300_000))), 2],
  [
    'cut always, Range ignored',
    mebibyte,
    (blob) => inTurn(ignoreRange(blob), cutAfter(300_000)),
    { code: 'E_NETWORK' },
  ],
  ['416 on resume (R26)', mebibyte, () => inTurn(atFirst(1, cutAfter(300_000)), onRange(status(416))), 3],
  [
    'another total on resume (R26)',
    mebibyte,
    () =>
      inTurn(
        atFirst(1, cutAfter(300_000)),
        onRange(withHeaders({ 'content-range': `bytes 300000-${mebibyte - 1}/${mebibyte + 1}` })),
      ),
    3,
  ],
  [
    'another start on resume (R26)',
    mebibyte,
    () =>
      inTurn(
        atFirst(1, cutAfter(300_000)),
        onRange(withHeaders({ 'content-range': `bytes 0-${mebibyte - 1}/${mebibyte}` })),
      ),
    3,
  ],
  [
    'no Content-Range on resume',
    mebibyte,
    () =>
      inTurn(
        atFirst(1, cutAfter(300_000)),
        onRange((_question, { headers: { 'content-range': _range, ...headers }, ...answer }) => ({
          ...answer,
          headers,
        })),
      ),
    3,
  ],
  ['a 206 that nobody asked for', 1000, () => atFirst(1, replaceBy({ status: 206 })), 2],
  [
    'no Range at all, and cut in the first kilobyte, always',
    mebibyte,
    () => cutAfter(1000),
    { code: 'E_NETWORK', message: /connection reset|closed|too few|aborted/ },
  ],
  ['shorter than its length, once (R27)', mebibyte, () => atFirst(1, cutAfter(mebibyte - 1)), 2],
  [
    'shorter than its descriptor (R27)',
    1000,
    () => (_question, answer) => ({ ...answer, body: answer.body.subarray(0, -1) }),
    { code: 'E_NETWORK', message: /too few/ },
  ],
  [
    'longer than its descriptor (R28)',
    1000,
    () => (_question, answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from('x')]) }),
    { code: 'E_VERIFY', message: /more bytes/ },
  ],
  [
    'longer, without a length (R28)',
    1000,
    () => inTurn((_question, answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from('x')]) }), chunked),
    { code: 'E_VERIFY', message: /more bytes/ },
  ],
  ['endless (R28)', mebibyte, () => endless, { code: 'E_VERIFY', message: /more bytes/ }],
  ['chunked (R29)', mebibyte, () => chunked, 1],
  ['chunked, cut in the middle (R29)', mebibyte, () => inTurn(chunked, atFirst(1, cutAfter(500_000))), 2],
  ['a stall, once (R18)', mebibyte, () => atFirst(1, stallAfter(500_000)), 2],
  ['503 twice (R21)', 1000, () => atFirst(2, status(503)), 3],
  ['429 twice with empty bodies (R21)', 1000, () => atFirst(2, status(429, { 'retry-after': '0' })), 3],
  [
    '500 always (R22)',
    1000,
    () => status(500),
    { code: 'E_REGISTRY', message: /^received unexpected HTTP status: 500/ },
  ],
  [
    '429 for a day (R20)',
    1000,
    () => status(429, { 'retry-after': '86400' }),
    { code: 'E_REGISTRY', message: /^toomanyrequests/ },
  ],
  [
    '404',
    1000,
    () => status(404, {}, '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}'),
    { code: 'E_NOT_FOUND', message: /^blob unknown$/ },
  ],
  ['another Content-Encoding (R36)', mebibyte, () => withHeaders({ 'content-encoding': 'gzip' }), 1],
  [
    '1xx before the answer (R31)',
    1000,
    () => (_question, answer, response) => {
      for (let i = 0; i < 1000; i++) response.writeProcessing();
      return answer;
    },
    1,
  ],
  ['the connection closed after each answer (R30)', 1000, () => withHeaders({ connection: 'close' }), 1],
];

describe('a blob', { concurrency: true }, () => {
  for (const [what, size, fault, outcome] of scenes) {
    test(what, async (t) => {
      const image = opaqueImage(size);
      const [blob = Buffer.alloc(0)] = image.layers;
      const registry = await serve(t, { image, fault: on(blobs, fault(blob)) });
      const fetched = fetchLayer(clientFor(t, registry.host), image);
      const requests = () => registry.requests.filter(({ url }) => blobs.test(url));
      if (typeof outcome === 'number') {
        const { bytes, retries } = await fetched;
        assert.ok(bytes.equals(blob));
        assert.equal(requests().length, outcome);
        assert.equal(retries.length, outcome - 1);
      } else {
        await assert.rejects(fetched, outcome);
        assert.ok(requests().length <= 5, `${requests().length} requests`);
      }
    });
  }

  test('a download that breaks every MiB costs no more than it has to (R23)', async (t) => {
    const image = opaqueImage(16 * mebibyte);
    const registry = await serve(t, { image, fault: on(blobs, cutAfter(mebibyte)) });
    const { bytes, retries } = await fetchLayer(clientFor(t, registry.host), image);
    assert.ok(bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    assert.equal(retries.length, 15);
    assert.ok(registry.sentBytes() <= 1.02 * bytes.length, `${registry.sentBytes()} bytes sent`);
    const starts = registry.requests.map(({ headers }) => headers.range).filter((range) => range !== undefined);
    assert.deepEqual(
      starts,
      retries.map(({ offset }) => `bytes=${offset}-`),
    );
  });

  test('one byte at a time is a stall (R18)', async (t) => {
    const image = opaqueImage(mebibyte);
    const registry = await serve(t, { image, fault: on(blobs, trickle(20)) });
    const started = performance.now();
    await assert.rejects(fetchLayer(clientFor(t, registry.host), image), {
      code: 'E_NETWORK',
      message: /sent \d+ bytes in 0.5 s/,
    });
    assert.ok(performance.now() - started < 15_000);
  });

  test('a server that never answers (R18)', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, fault: on(/\/(?:blobs|manifests\/other)/, () => undefined) });
    const client = clientFor(t, registry.host, { timeouts: { responseMs: 300 } });
    await assert.rejects(fetchLayer(client, image), { code: 'E_NETWORK', message: /does not answer within 0.3 s/ });
    await assert.rejects(client.getManifest('other'), { code: 'E_NETWORK' });
    // Documented: a blob five times, an API call once.
    assert.equal(registry.requests.filter(({ url }) => blobs.test(url)).length, 5);
    assert.equal(registry.requests.filter(({ url }) => url.endsWith('/other')).length, 1);
  });

  test('cancelling ends at once (R18)', async (t) => {
    const image = opaqueImage(mebibyte);
    const registry = await serve(t, { image, fault: on(blobs, stallAfter(1000)) });
    const controller = new AbortController();
    const client = clientFor(t, registry.host, { signal: controller.signal, timeouts: { stallMs: 60_000 } });
    await client.getManifest('1');
    const [blob = Buffer.alloc(0)] = image.layers;
    const fetched = fetchBlob(client, digestOf(blob), blob.length, {
      signal: controller.signal,
      onChunk: () => setTimeout(() => controller.abort(), 10),
    });
    const started = performance.now();
    await assert.rejects(fetched, { code: 'E_CANCELLED' });
    assert.ok(performance.now() - started < 3000);
    await assert.rejects(client.getManifest('1'), { code: 'E_CANCELLED' });
  });

  test('what the consumer throws ends the download', async (t) => {
    const image = opaqueImage(mebibyte);
    const registry = await serve(t, { image });
    const client = clientFor(t, registry.host);
    await client.getManifest('1');
    const [blob = Buffer.alloc(0)] = image.layers;
    let calls = 0;
    const onChunk = () => {
      calls++;
      throw new TypeError('not my day');
    };
    await assert.rejects(fetchBlob(client, digestOf(blob), blob.length, { onChunk }), new TypeError('not my day'));
    assert.equal(calls, 1);
    assert.equal(registry.requests.filter(({ url }) => blobs.test(url)).length, 1);
  });

  test('a consumer that takes its time is no stall', async (t) => {
    const image = opaqueImage(mebibyte);
    const registry = await serve(t, { image });
    const client = clientFor(t, registry.host, { timeouts: { stallMs: 200 } });
    await client.getManifest('1');
    const [blob = Buffer.alloc(0)] = image.layers;
    let length = 0;
    const { retries } = await fetchBlob(client, digestOf(blob), blob.length, {
      onChunk(chunk) {
        length += chunk.length;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
      },
    });
    assert.equal(length, blob.length);
    assert.deepEqual(retries, []);
  });

  test('a token that expires in the middle is replaced', async (t) => {
    const image = opaqueImage(2 * mebibyte);
    const registry = await serve(t, {
      image,
      auth: { kind: 'bearer' },
      fault: on(blobs, (question, answer, response) => {
        if (answer.status !== 200) return answer;
        registry.revokeTokens();
        return cutAfter(mebibyte)(question, answer, response);
      }),
    });
    const { bytes } = await fetchLayer(clientFor(t, registry.host), image);
    assert.ok(bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    assert.equal(registry.requests.filter(({ url }) => url.startsWith('/token')).length, 2);
  });
});
