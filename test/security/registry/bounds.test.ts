/** Answers that are too large, too many or not what they say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  atFirst,
  endless,
  inTurn,
  on,
  replaceBy,
  silence,
  status,
  withHeaders,
} from '../../../fixtures/registry/faults.js';
import type { Fault } from '../../../fixtures/registry/registry.js';
import { digestOf } from '../../../store/oci/digest.js';
import { clientFor, opaqueImage, serve } from '../../support/registry.js';

const manifests = /\/manifests\//;

/** what, fault for manifests, what getManifest('1') brings */
const scenes: [what: string, fault: Fault, outcome: 'fine' | { code: string; message?: RegExp | string }][] = [
  ['an endless manifest (M16)', endless, { code: 'E_REGISTRY', message: /brings more than 8388608 bytes/ }],
  ['an endless error (R32)', inTurn(replaceBy({ status: 404 }), endless), { code: 'E_NOT_FOUND' }],
  [
    'an error with escapes',
    replaceBy({ status: 404, body: Buffer.from('{"errors":[{"code":"X","message":"\\u001b[2Jhi"}]}') }),
    { code: 'E_NOT_FOUND', message: 'x: \\x1b[2Jhi' },
  ],
  [
    'an error that is no JSON',
    replaceBy({ status: 404, body: Buffer.from('<html>') }),
    { code: 'E_NOT_FOUND', message: 'error parsing HTTP 404 response body: not JSON: "<html>"' },
  ],
  [
    'the code alone where the message adds nothing',
    replaceBy({
      status: 401,
      body: Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'),
    }),
    { code: 'E_DENIED', message: 'unauthorized' },
  ],
  [
    'denied',
    replaceBy({
      status: 403,
      body: Buffer.from(
        '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":1}]}',
      ),
    }),
    {
      code: 'E_DENIED',
      message:
        /^pull access denied for 127\.0\.0\.1:\d+\/lib\/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/,
    },
  ],
  ['503 twice (R21)', atFirst(2, status(503)), 'fine'],
  ['429 twice with empty bodies (R21)', atFirst(2, status(429)), 'fine'],
  [
    '429 until tomorrow (R20)',
    status(429, { 'retry-after': '86400' }),
    { code: 'E_REGISTRY', message: /^toomanyrequests/ },
  ],
  [
    '429 until 2099 (R20)',
    status(429, { 'retry-after': 'Thu, 01 Jan 2099 00:00:00 GMT' }),
    { code: 'E_REGISTRY', message: /^toomanyrequests/ },
  ],
  ['429 with a negative wait (R20)', atFirst(1, status(429, { 'retry-after': '-1' })), 'fine'],
  ['429 with a wait of words (R20)', atFirst(1, status(429, { 'retry-after': 'abc' })), 'fine'],
  [
    '500 always (R22)',
    status(500),
    { code: 'E_REGISTRY', message: 'received unexpected HTTP status: 500 Internal Server Error' },
  ],
  ['a success without content', status(204), { code: 'E_REGISTRY' }],
  ['a lie about its digest (R37)', withHeaders({ 'docker-content-digest': digestOf('other') }), 'fine'],
  ['a nonsense digest (R37)', withHeaders({ 'docker-content-digest': 'sha256:../../etc/passwd' }), 'fine'],
  ['a Content-Encoding that is not one (R36)', withHeaders({ 'content-encoding': 'gzip' }), 'fine'],
  ['too large a head (R31)', withHeaders({ 'x-large': 'x'.repeat(1024 * 1024) }), { code: 'E_NETWORK' }],
  [
    'very many headers (R31)',
    withHeaders(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`x-${i}`, 1]))),
    { code: 'E_NETWORK' },
  ],
  [
    'garbage for HTTP (R31)',
    (_question, _answer, response) => void response.socket?.end('220 smtp ready\r\n'),
    { code: 'E_NETWORK' },
  ],
  ['a broken connection', (_question, _answer, response) => void response.socket?.destroy(), { code: 'E_NETWORK' }],
  [
    'one broken connection (R30)',
    atFirst(1, (_question, _answer, response) => void response.socket?.resetAndDestroy()),
    'fine',
  ],
  [
    'more after the body (R31)',
    (_question, answer, response) => {
      response.socket?.end(
        `HTTP/1.1 200 OK\r\ncontent-type: ${answer.headers['content-type']}\r\ncontent-length: ${answer.body.length}\r\n\r\n${answer.body}HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad`,
      );
      return undefined;
    },
    'fine',
  ],
];

describe('a manifest', { concurrency: true }, () => {
  for (const [what, fault, outcome] of scenes) {
    test(what, async (t) => {
      const image = opaqueImage();
      const registry = await serve(t, { image, fault: on(manifests, fault) });
      const fetched = clientFor(t, registry.host).getManifest('1');
      if (outcome === 'fine') {
        const { bytes, digest } = await fetched;
        assert.deepEqual(bytes, image.manifest.bytes);
        assert.equal(digest, image.manifest.digest);
      } else await assert.rejects(fetched, outcome);
      assert.ok(registry.requests.length <= 5, `${registry.requests.length} requests`);
    });
  }

  test('that was changed is refused when asked for by digest (M01, M02)', async (t) => {
    const image = opaqueImage();
    const body = Buffer.concat([image.manifest.bytes, Buffer.from(' ')]);
    const registry = await serve(t, { image, fault: on(manifests, replaceBy({ body })) });
    const client = clientFor(t, registry.host);
    await assert.rejects(client.getManifest(image.manifest.digest), { code: 'E_VERIFY', message: /expected sha256:/ });
    assert.equal((await client.getManifest('1')).digest, digestOf(body));
  });

  test('a claimed digest that is none is not handed on', async (t) => {
    const registry = await serve(t, { fault: withHeaders({ 'docker-content-digest': 'sha256:../../etc/passwd' }) });
    assert.equal(await clientFor(t, registry.host).headManifest('1'), undefined);
  });

  for (const [what, fault] of [
    ['405', status(405)],
    ['503', status(503)],
    ['an answer never', silence],
  ] as const) {
    test(`HEAD that brings ${what} leaves it to GET`, async (t) => {
      const image = opaqueImage();
      const registry = await serve(t, {
        image,
        fault: (question, answer, response) =>
          question.method === 'HEAD' ? fault(question, answer, response) : answer,
      });
      const client = clientFor(t, registry.host, { timeouts: { responseMs: 300 } });
      assert.equal(await client.headManifest('1'), undefined);
      assert.equal((await client.getManifest('1')).digest, image.manifest.digest);
    });
  }
});

describe('a config', { concurrency: true }, () => {
  const cases: [string, Fault, { code: string }][] = [
    [
      'that was changed (M03)',
      (_question, answer) => ({ ...answer, body: Buffer.from(answer.body.toString().replace('layers', 'Layers')) }),
      { code: 'E_VERIFY' },
    ],
    [
      'that is longer',
      (_question, answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from(' ')]) }),
      { code: 'E_VERIFY' },
    ],
    ['that is shorter', (_question, answer) => ({ ...answer, body: answer.body.subarray(1) }), { code: 'E_VERIFY' }],
    ['that does not end', endless, { code: 'E_REGISTRY' }],
  ];
  for (const [what, fault, outcome] of cases) {
    test(what, async (t) => {
      const image = opaqueImage();
      const registry = await serve(t, { image, fault: on(/\/blobs\//, fault) });
      const descriptor = { digest: digestOf(image.config), size: image.config.length };
      await assert.rejects(clientFor(t, registry.host).getConfig(descriptor), outcome);
    });
  }

  test('of a gigabyte is not asked for', async (t) => {
    const registry = await serve(t);
    const client = clientFor(t, registry.host);
    await assert.rejects(client.getConfig({ digest: digestOf('x'), size: 2 ** 30 }), { code: 'E_DOCUMENT' });
    assert.deepEqual(registry.requests, []);
  });
});

describe('a list of tags (R33)', { concurrency: true }, () => {
  const page = (tags: unknown, link?: string): Fault =>
    on(/\/tags\//, () => ({
      status: 200,
      headers: link === undefined ? {} : { link },
      body: Buffer.from(JSON.stringify({ tags })),
    }));

  test('that names its own page as the next', async (t) => {
    const registry = await serve(t, { fault: page(['a'], '</v2/lib/x/tags/list?n=1>; rel="next"') });
    assert.deepEqual(await clientFor(t, registry.host).listTags(), ['a']);
    assert.equal(registry.requests.length, 2);
  });

  test('that never ends', async (t) => {
    let count = 0;
    const registry = await serve(t, {
      fault: (question, answer, response) =>
        page([`t${++count}`], `<?n=${count}>; rel="next"`)(question, answer, response),
    });
    await assert.rejects(clientFor(t, registry.host).listTags(), { code: 'E_REGISTRY', message: /does not end/ });
    assert.equal(count, 1000);
  });

  test('that continues on another host', async (t) => {
    const registry = await serve(t, { fault: page(['a'], '<http://10.0.0.1/v2/lib/x/tags/list?last=a>; rel="next"') });
    assert.deepEqual(await clientFor(t, registry.host).listTags(), ['a']);
    assert.deepEqual(
      registry.requests.map(({ url }) => url),
      ['/v2/lib/x/tags/list', '/v2/lib/x/tags/list?last=a'],
    );
  });

  for (const tags of [['../x'], [7], 'x', [`${'t'.repeat(129)}`]])
    test(`with ${JSON.stringify(tags).slice(0, 20)} in it`, async (t) => {
      const registry = await serve(t, { fault: page(tags) });
      await assert.rejects(clientFor(t, registry.host).listTags(), { code: 'E_REGISTRY' });
    });

  test('that is null', async (t) => {
    const registry = await serve(t, { fault: page(null) });
    assert.deepEqual(await clientFor(t, registry.host).listTags(), []);
  });
});
