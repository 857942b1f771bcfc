/** Who sees credentials when a registry sends us elsewhere. Looked at from the other end of the connection. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../../../fixtures/registry/certificates.js';
import { inTurn, on, redirectTo, status } from '../../../fixtures/registry/faults.js';
import type { Fault } from '../../../fixtures/registry/registry.js';
import { firstHop, nextHop } from '../../../src/registry/redirect.js';
import { listenFor } from '../../support/listener.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { missing } from '../../support/needs.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

const auth = { kind: 'bearer', user: 'me', password: 'pass-word' } as const;

/** A registry that wants a login, and a client that has it. */
async function loginScene(t: TestContext, fault: (image: ReturnType<typeof opaqueImage>) => Fault) {
  const image = opaqueImage();
  const registry = await serve(t, { image, auth, fault: fault(image) });
  const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', 'pass-word') }) });
  return { image, registry, client };
}

describe('redirects', { concurrency: true }, () => {
  for (const code of [301, 302, 303, 307, 308]) {
    test(`a blob by ${code} from another port, without credentials (R06)`, async (t) => {
      const elsewhere = await listenFor(t, (response) => response.end(image.layers[0]));
      const { image, client } = await loginScene(t, () =>
        on(/\/blobs\//, redirectTo(`${elsewhere.url}/x?signature=1`, code)),
      );
      assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
      assert.equal(elsewhere.seen.length, 1);
      assert.equal(elsewhere.seen[0]?.headers.authorization, undefined);
    });

    test(`a manifest by ${code} from another port, without credentials`, async (t) => {
      const elsewhere = await listenFor(t, (response) => response.end(image.manifest.bytes));
      const { image, client } = await loginScene(t, () => on(/\/manifests\//, redirectTo(elsewhere.url, code)));
      assert.deepEqual((await client.getManifest(image.manifest.digest)).bytes, image.manifest.bytes);
      await client.headManifest('1');
      assert.deepEqual(
        elsewhere.seen.map(({ headers }) => headers.authorization),
        [undefined, undefined],
      );
    });
  }

  test('a foreign server that asks for a login gets none (R08)', async (t) => {
    const thief = await listenFor(t, (response) => response.end('{"token":"x"}'));
    const elsewhere = await listenFor(t, (response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${thief.url}/token",service="x"` }).end();
    });
    const { image, client } = await loginScene(t, () => on(/\/(?:blobs|manifests\/other)/, redirectTo(elsewhere.url)));
    await assert.rejects(fetchLayer(client, image), { code: 'E_DENIED' });
    await assert.rejects(client.getManifest('other'), { code: 'E_DENIED' });
    assert.ok(elsewhere.seen.length > 0);
    assert.ok(elsewhere.seen.every(({ headers }) => headers.authorization === undefined));
    assert.equal(thief.connections(), 0);
  });

  test('back at the registry after a foreign hop, nothing is sent again (R10)', async (t) => {
    const elsewhere = await listenFor(t, (response) => response.writeHead(307, { location: `${home}/back` }).end());
    let home = '';
    const { image, registry, client } = await loginScene(t, () => on(/\/blobs\//, redirectTo(elsewhere.url)));
    home = registry.url;
    await assert.rejects(fetchLayer(client, image), { code: 'E_DENIED' });
    const back = registry.requests.filter(({ url }) => url === '/back');
    assert.ok(back.length > 0);
    assert.ok(back.every(({ headers }) => headers.authorization === undefined));
  });

  test('the same origin keeps its credentials', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, {
      image,
      auth,
      fault: inTurn(
        on(/\/blobs\//, (_question, answer) =>
          answer.status === 200
            ? { ...answer, status: 307, headers: { location: '/moved?x=1' }, body: Buffer.alloc(0) }
            : answer,
        ),
        on(/^\/moved/, (question, answer) =>
          question.headers['authorization']
            ? { ...answer, status: 200, body: image.layers[0] ?? Buffer.alloc(0) }
            : answer,
        ),
      ),
    });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', 'pass-word') }) });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  });

  for (const hops of [10, 11]) {
    test(`${hops} hops (R15)`, async (t) => {
      const image = opaqueImage();
      const registry = await serve(t, {
        image,
        fault: (question, answer) => {
          if (!question.url.pathname.includes('/blobs/')) return answer;
          const hop = Number(question.url.searchParams.get('hop') ?? 0);
          return hop === hops
            ? answer
            : { status: 307, headers: { location: `?hop=${hop + 1}` }, body: Buffer.alloc(0) };
        },
      });
      const fetched = fetchLayer(clientFor(t, registry.host), image);
      if (hops === 10) assert.deepEqual((await fetched).bytes, image.layers[0]);
      else await assert.rejects(fetched, { code: 'E_REGISTRY', message: /redirects more than 10 times/ });
    });
  }

  test('in a circle (R15)', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, fault: on(/\/blobs\/|\/manifests\/o/, redirectTo('?again')) });
    const client = clientFor(t, registry.host);
    await assert.rejects(fetchLayer(client, image), { code: 'E_REGISTRY', message: /in a circle/ });
    await assert.rejects(client.getManifest('other'), { code: 'E_REGISTRY', message: /in a circle/ });
    await assert.rejects(client.headManifest('other'), { code: 'E_REGISTRY', message: /in a circle/ });
  });

  test('an https registry that redirects to plain http', { skip: missing('openssl') }, async (t) => {
    const bystander = await listenFor(t);
    const authority = makeAuthority(tempDir(t));
    const image = opaqueImage();
    const tls = makeCertificate(authority, 'server', ['IP:127.0.0.1', 'DNS:localhost']);
    // The same host and, for one of them, the same port: what an HTTP library may take for the same origin.
    const registry = await serve(t, {
      image,
      tls,
      auth,
      fault: on(/\/blobs\/|\/manifests\//, (question, answer) => {
        if (answer.status === 401) return answer;
        const host = question.url.pathname.endsWith('/same') ? registry.host : bystander.host;
        return { status: 302, headers: { location: `http://${host}/x` }, body: Buffer.alloc(0) };
      }),
    });
    const env = loggedIn(t, { [registry.host]: userEntry('me', 'pass-word') });
    const client = clientFor(t, registry.host, { env, caFiles: [authority.caFile] });
    for (const tag of ['same', 'other']) {
      await assert.rejects(client.getManifest(tag), { code: 'E_REGISTRY', message: /from https to plain http/ });
      await assert.rejects(client.headManifest(tag), { code: 'E_REGISTRY', message: /from https to plain http/ });
    }
    assert.equal(bystander.connections(), 0);
  });

  test('a refused blob elsewhere is asked for again at the registry', async (t) => {
    const image = opaqueImage();
    let count = 0;
    const elsewhere = await listenFor(t, (response) => {
      response.statusCode = count++ === 0 ? 403 : 200;
      response.end(image.layers[0]);
    });
    const registry = await serve(t, { image, fault: on(/\/blobs\//, redirectTo(`${elsewhere.url}/signed`)) });
    const { bytes, retries } = await fetchLayer(clientFor(t, registry.host), image);
    assert.deepEqual(bytes, image.layers[0]);
    assert.equal(retries.length, 1);
    assert.equal(registry.requests.filter(({ url }) => url.includes('/blobs/')).length, 2);
  });

  test('a redirect without a place to go (R16)', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, fault: on(/\/blobs\//, status(307)) });
    await assert.rejects(fetchLayer(clientFor(t, registry.host), image), { message: /without saying where/ });
  });
});

/** from, Location, where it leads; `=` before it when credentials may come along */
const followed: [string, string, string][] = [
  ['https://r.test/v2/a/blobs/x', '../y', '=https://r.test/v2/a/y'],
  ['https://r.test/v2/a/blobs/x', '?q', '=https://r.test/v2/a/blobs/x?q'],
  ['https://r.test/v2/a/blobs/x', '/z', '=https://r.test/z'],
  ['https://r.test/v2/a/blobs/x', 'https://r.test/z', '=https://r.test/z'],
  ['https://r.test/x', '//other.test/z', 'https://other.test/z'],
  ['https://r.test/x', 'https://r.test:444/z', 'https://r.test:444/z'],
  ['https://r.test/x', 'https://r.test./z', 'https://r.test./z'],
  ['https://r.test/x', 'https://R.TEST/z', 'https://r.test/z'],
  ['https://r.test/x', '//R.test/z', 'https://r.test/z'],
  ['https://r.test/x', 'https://r.test:443/z', 'https://r.test/z'],
  ['https://r.test/x', 'https://cdn.r.test/z', 'https://cdn.r.test/z'],
  ['http://r.test/x', 'https://r.test/z', 'https://r.test/z'],
  ['http://127.0.0.1:5000/x', 'http://[::1]:5000/z', 'http://[::1]:5000/z'],
  ['http://127.0.0.1:5000/x', 'http://[::ffff:127.0.0.1]:5000/z', 'http://[::ffff:7f00:1]:5000/z'],
  ['http://127.0.0.1:5000/x', 'http://localhost:5000/z', 'http://localhost:5000/z'],
  ['https://r.test/x', 'https://10.0.0.9/z', 'https://10.0.0.9/z'],
  ['https://r.test/x', 'https://r.test/z#fragment', '=https://r.test/z'],
];
for (const [from, location, expected] of followed) {
  test(`from ${from} to ${location} (R09, R17)`, () => {
    const { url, foreign } = nextHop(firstHop(new URL(from)), location);
    assert.equal(`${foreign ? '' : '='}${url.href}`, expected);
  });
}

const unfollowed = [
  'file:///etc/passwd',
  'unix:/var/run/docker.sock:/x',
  'http://unix:/var/run/docker.sock:/x',
  'ftp://other.test/x',
  'javascript:1',
  'data:,x',
  'http:/\\evil.test',
  '\\\\evil.test/x',
  'https://other.test/\r\nAuthorization: x',
  'https://other.test/a b',
  'https://other.test/\u0000',
  'https://user:pw@other.test/x',
  'https://user@other.test/x',
  'https://other.test:99999/x',
  'https://',
  'http://r.test/x',
  'https://127.0.0.1/x',
  'https://0x7f000001/x',
  'https://2130706433/x',
  'https://127.1/x',
  'https://localhost/x',
  'https://a.localhost/x',
  'https://[::1]/x',
  'https://[::ffff:127.0.0.1]/x',
  'https://169.254.169.254/latest/meta-data/',
  'https://[fe80::1]/x',
  'https://0.0.0.0/x',
  'https://[::]/x',
  '',
  `/${'x'.repeat(10_000)}`,
];
for (const location of unfollowed) {
  test(`not from https://r.test to ${JSON.stringify(location.slice(0, 60))} (R16)`, () => {
    assert.throws(() => nextHop(firstHop(new URL('https://r.test/x')), location), { code: 'E_REGISTRY' });
  });
}
