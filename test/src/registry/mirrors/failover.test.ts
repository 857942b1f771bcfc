import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { emptyContents } from '../../../../fixtures/registry/contents.js';
import { atFirst, cutAfter, on, replaceBy, silence, stallAfter, status } from '../../../../fixtures/registry/faults.js';
import type { Fault } from '../../../../fixtures/registry/registry.js';
import { digestOf } from '../../../../store/oci/digest.js';
import { configDir, hostsToml } from '../../../support/config-files.js';
import { blobRequests, mirrored, requestLines } from '../../../support/mirrored.js';
import { clientFor, fetchBlob, fetchLayer, opaqueImage } from '../../../support/registry.js';

const mebibyte = 1024 * 1024;

describe('mirrors', { concurrency: 4 }, () => {
  test('a mirror that has everything: the registry is not asked', async (t) => {
    const { image, origin, mirrors, client, failovers } = await mirrored(t, { mirrors: [{}] });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    const { bytes } = await fetchLayer(client, image);
    assert.deepEqual(bytes, image.layers[0]);
    await client.getConfig({ digest: digestOf(image.config), size: image.config.length });
    assert.deepEqual(origin.requests, []);
    assert.deepEqual(failovers, []);
    // Spegel, Dragonfly and others learn from it for which registry they are asked.
    const ns = `ns=${encodeURIComponent(origin.host)}`;
    assert.ok(
      mirrors[0]?.requests.every(({ url }) => url.endsWith(`?${ns}`)),
      String(requestLines(mirrors[0] ?? origin)),
    );
    assert.equal(client.name, `${origin.host}/lib/x`);
  });

  /** What the mirror does to everything, and how that is told. */
  const faults: [what: string, fault: Fault, kind: string, reason: RegExp][] = [
    ['does not have it', status(404), 'missing', /HTTP 404/],
    ['is out of order', status(500), 'failed', /500 Internal Server Error/],
    ['is overloaded', status(503, { 'retry-after': '3600' }), 'failed', /503/],
    ['limits', status(429, { 'retry-after': '1' }), 'failed', /toomanyrequests/],
    ['wants a login', status(401, { 'www-authenticate': 'Basic realm="m"' }), 'failed', /unauthorized/],
    ['forbids', status(403), 'failed', /denied/],
    ['breaks connections', (_q, _a, response) => void response.destroy(), 'failed', /reset|hang up|aborted/],
    ['does not answer', silence, 'failed', /timed out|does not answer|Timeout/],
    [
      'redirects in a circle',
      (q) => ({ status: 307, headers: { location: q.url.pathname }, body: Buffer.alloc(0) }),
      'failed',
      /circle/,
    ],
    [
      'is the page of a portal',
      replaceBy({ headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>') }),
      'wrong',
      /./,
    ],
    ['sends something else', replaceBy({ body: Buffer.from('{}') }), 'wrong', /./],
    ['sends without end', (_q, answer) => ({ ...answer, body: Buffer.alloc(9 * mebibyte) }), 'failed', /more than/],
  ];
  for (const [what, fault, kind, reason] of faults) {
    test(`a mirror that ${what}: the registry is asked`, async (t) => {
      const { image, origin, mirrors, client, failovers } = await mirrored(t, {
        mirrors: [{ fault }],
        client: fault === silence ? { timeouts: { responseMs: 2000 } } : {},
      });
      assert.deepEqual((await client.getManifest('1')).bytes, image.manifest.bytes);
      assert.deepEqual((await client.getManifest(image.manifest.digest)).bytes, image.manifest.bytes);
      assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
      assert.equal(failovers[0]?.kind, kind);
      assert.match(failovers[0]?.reason ?? '', reason);
      assert.match(failovers[0]?.from ?? '', new RegExp(`${mirrors[0]?.host}/v2/$`));
      assert.match(failovers[0]?.to ?? '', new RegExp(`${origin.host}/v2/$`));
      const requests = mirrors[0]?.requests.length ?? 0;
      // Only one that may have other things is asked for them.
      assert.ok(kind === 'missing' ? requests === 4 : requests <= 3, `${requests} requests`);
    });
  }

  test('a mirror that is not there is looked for once', async (t) => {
    const { image, mirrors, client, failovers } = await mirrored(t, { mirrors: [{}] });
    await mirrors[0]?.close();
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    await fetchLayer(client, image);
    assert.equal(failovers.length, 1);
    assert.match(failovers[0]?.reason ?? '', /connection refused/);
  });

  test('the order, and on to the first that has it', async (t) => {
    const fault = status(404);
    const { image, origin, mirrors, client } = await mirrored(t, { mirrors: [{ fault }, { fault }, {}, {}] });
    await fetchLayer(client, image);
    assert.deepEqual(
      [...mirrors, origin].map(({ requests }) => requests.length),
      [2, 2, 2, 0, 0],
    );
  });

  test('a mirror that may only pull is not asked what a tag stands for', async (t) => {
    const toml = 'capabilities = ["pull"]';
    const { image, origin, mirrors, client } = await mirrored(t, { mirrors: [{ toml }] });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    await fetchLayer(client, image);
    await client.getManifest(image.manifest.digest);
    assert.ok(requestLines(origin).every((line) => line.endsWith('/manifests/1')));
    assert.equal(mirrors[0]?.requests.length, 2);
    assert.ok(mirrors[0]?.requests.every(({ url }) => url.includes('sha256:')));
  });

  test('nobody may be asked', async (t) => {
    const { origin } = await mirrored(t, { mirrors: [] });
    const toml = `server = "${origin.url}"\ncapabilities = ["pull"]`;
    const client = clientFor(t, origin.host, { configDir: configDir(t, { [hostsToml(origin.host)]: toml }) });
    await assert.rejects(client.getManifest('1'), { code: 'E_CONFIG', message: /may be asked what a tag stands for/ });
    assert.deepEqual(origin.requests, []);
  });

  test('lists of tags come from the registry: a mirror may have only some', async (t) => {
    const { origin, mirrors, client } = await mirrored(t, { mirrors: [{}] });
    assert.deepEqual(await client.listTags(), ['1']);
    assert.deepEqual([mirrors[0]?.requests.length, origin.requests.length], [0, 1]);
  });

  test('a mirror that dies in the middle of a blob: the rest comes from the next', async (t) => {
    const image = opaqueImage(3 * mebibyte);
    const die: Fault = (question, answer, response) => {
      response.once('close', () => void mirrors[0]?.close());
      return cutAfter(mebibyte)(question, answer, response);
    };
    const options = { image, mirrors: [{ fault: on(/\/blobs\//, (q, a, r) => die(q, a, r)) }] };
    const { origin, mirrors, client, failovers } = await mirrored(t, options);
    const { bytes } = await fetchLayer(client, image);
    assert.ok(bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    const [request] = blobRequests(origin);
    const start = Number(/^bytes=(\d+)-$/.exec(request?.headers.range ?? '')?.[1]);
    assert.ok(start > 0 && start <= mebibyte, String(request?.headers.range));
    assert.equal(blobRequests(origin).length, 1);
    assert.ok(failovers.some(({ kind }) => kind === 'failed'));
  });

  test('a mirror that breaks off but goes on is kept', async (t) => {
    const image = opaqueImage(3 * mebibyte);
    const fault = on(/\/blobs\//, cutAfter(mebibyte));
    const { origin, mirrors, client } = await mirrored(t, { image, mirrors: [{ fault }] });
    assert.ok((await fetchLayer(client, image)).bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    assert.deepEqual(origin.requests, []);
    assert.equal(blobRequests(mirrors[0] ?? origin).length, 3);
  });

  test('a mirror that stalls in the middle is left, and not asked again', async (t) => {
    const image = opaqueImage(3 * mebibyte);
    const fault = on(/\/blobs\//, stallAfter(mebibyte));
    const timeouts = { stallMs: 2000 };
    const { origin, mirrors, client } = await mirrored(t, { image, mirrors: [{ fault }], client: { timeouts } });
    for (let i = 0; i < 2; i++)
      assert.ok((await fetchLayer(client, image)).bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    assert.equal(blobRequests(mirrors[0] ?? origin).length, 1);
    assert.equal(blobRequests(origin)[0]?.headers.range, `bytes=${mebibyte}-`);
    assert.equal(blobRequests(origin)[1]?.headers.range, undefined);
  });

  test('all are out of order for a moment', async (t) => {
    const fault = () => on(/\/blobs\//, atFirst(2, status(503)));
    const { image, origin, mirrors, client } = await mirrored(t, {
      mirrors: [{ fault: fault() }],
      origin: { fault: fault() },
    });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.deepEqual(
      [mirrors[0], origin].map((it) => it && blobRequests(it).length),
      [3, 2],
    );
  });

  test('all are out of order: bounded, and each is named', async (t) => {
    const fault = status(503);
    const { image, origin, mirrors, client } = await mirrored(t, { mirrors: [{ fault }], origin: { fault } });
    const [blob = Buffer.alloc(0)] = image.layers;
    await assert.rejects(fetchBlob(client, digestOf(blob), blob.length), (error: { code?: string; hint?: string }) => {
      assert.equal(error.code, 'E_REGISTRY');
      assert.ok(
        error.hint?.includes(`before that, ${mirrors[0]?.url}/v2/: received unexpected HTTP status: 503`),
        error.hint,
      );
      return true;
    });
    assert.deepEqual(
      [mirrors[0], origin].map((it) => it?.requests.length),
      [5, 5],
    );
  });

  test('neither has it: the message is the one about the registry', async (t) => {
    const contents = emptyContents();
    const { origin, client } = await mirrored(t, { mirrors: [{ contents }], origin: { contents } });
    await assert.rejects(client.getManifest('1'), {
      code: 'E_NOT_FOUND',
      message: `repository ${origin.host}/lib/x not found: name unknown: repository name not known to registry`,
      hint: /^before that, http:\/\/127\.0\.0\.1:\d+\/v2\/: repository .* not found/,
    });
  });

  test('another image behind a digest is not taken', async (t) => {
    const other = opaqueImage();
    const fault = on(/\/manifests\/sha256/, replaceBy({ body: other.manifest.bytes }));
    const { image, client, failovers } = await mirrored(t, { mirrors: [{ fault }] });
    assert.deepEqual((await client.getManifest(image.manifest.digest)).bytes, image.manifest.bytes);
    assert.equal(failovers[0]?.kind, 'wrong');
    await fetchLayer(client, image);
    assert.equal(failovers.length, 1, 'it was asked again');
  });

  test('cancelling does not go on to the next', async (t) => {
    const controller = new AbortController();
    const fault: Fault = () => {
      controller.abort();
      return undefined;
    };
    const { origin, client } = await mirrored(t, { mirrors: [{ fault }], client: { signal: controller.signal } });
    await assert.rejects(client.getManifest('1'), { code: 'E_CANCELLED' });
    assert.deepEqual(origin.requests, []);
  });
});
