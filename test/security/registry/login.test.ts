/** What a registry can do with a client that has credentials: everything is looked at from the attacker's socket. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { on, replaceBy } from '../../../fixtures/registry/faults.js';
import type { Fault } from '../../../fixtures/registry/registry.js';
import { checkRealm } from '../../../src/registry/realm.js';
import { listenFor } from '../../support/listener.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';

const password = 'correct-horse';
const encoded = Buffer.from(`me:${password}`).toString('base64');

const challengeWith = (header: string): Fault =>
  on(/^\/v2\//, replaceBy({ status: 401, headers: { 'www-authenticate': header }, body: Buffer.alloc(0) }));

describe('logins', { concurrency: true }, () => {
  test('basic', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, auth: { kind: 'basic', user: 'me', password } });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', password) }) });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  });

  test('bearer, with one token for everything', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, auth: { kind: 'bearer', user: 'me', password } });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', password) }) });
    await client.headManifest('1');
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    const asked = registry.requests.filter(({ url }) => url.startsWith('/token'));
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.url, '/token?service=test+registry&scope=repository%3Alib%2Fx%3Apull&account=me');
  });

  test('bearer for anyone', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, auth: { kind: 'bearer' } });
    assert.deepEqual((await fetchLayer(clientFor(t, registry.host), image)).bytes, image.layers[0]);
    assert.ok(registry.requests.every(({ headers }) => !headers.authorization?.startsWith('Basic')));
  });

  test('an identity token goes into the body of a POST', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, auth: { kind: 'bearer', refreshToken: 'refresh-me' } });
    const client = clientFor(t, registry.host, {
      env: loggedIn(t, { [registry.host]: { identitytoken: 'refresh-me' } }),
    });
    await client.getManifest('1');
    const [asked] = registry.requests.filter(({ url }) => url === '/token');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
      grant_type: 'refresh_token',
      client_id: 'tspull',
      refresh_token: 'refresh-me',
      service: 'test registry',
      scope: 'repository:lib/x:pull',
    });
  });

  test('many requests that are challenged at once fetch one token', async (t) => {
    const registry = await serve(t, { auth: { kind: 'bearer' } });
    const client = clientFor(t, registry.host);
    await Promise.all(Array.from({ length: 8 }, () => client.getManifest('1')));
    assert.equal(registry.requests.filter(({ url }) => url.startsWith('/token')).length, 1);
  });

  test('a wrong password, and nothing of it in the message (R35)', async (t) => {
    const registry = await serve(t, { auth: { kind: 'bearer', user: 'me', password: 'another' } });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', password) }) });
    await assert.rejects(client.getManifest('1'), {
      code: 'E_DENIED',
      message: 'unauthorized: incorrect username or password',
    });
  });

  test('a server that repeats what it was sent (R35)', async (t) => {
    const registry = await serve(t, {
      auth: { kind: 'bearer', user: 'me', password },
      fault: on(/^\/v2\//, (question, answer) => {
        if (answer.status === 401) return answer;
        const message = `you sent ${question.headers['authorization']}, and ${password} and ${encoded}`;
        return { ...answer, status: 403, body: Buffer.from(JSON.stringify({ errors: [{ code: 'DENIED', message }] })) };
      }),
    });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', password) }) });
    const error = await client.getManifest('1').then(
      () => assert.fail('accepted'),
      (failure: Error) => failure,
    );
    assert.match(error.message, /you sent Bearer \*\*\*, and \*\*\* and \*\*\*/);
  });

  test("no login: denied in Docker's words", async (t) => {
    const registry = await serve(t, { auth: { kind: 'basic', user: 'me', password } });
    await assert.rejects(clientFor(t, registry.host).getManifest('1'), {
      code: 'E_DENIED',
      message: 'unauthorized: authentication required',
    });
    assert.equal(await clientFor(t, registry.host).headManifest('1'), undefined);
  });

  test('a realm on another port of this machine (R01)', async (t) => {
    const thief = await listenFor(t, (response) => response.end('{"token":"x"}'));
    const registry = await serve(t, { auth: { kind: 'bearer', user: 'me', password, realm: `${thief.url}/token` } });
    const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: userEntry('me', password) }) });
    for (const ask of [() => client.getManifest('1'), () => client.headManifest('1')])
      await assert.rejects(ask(), (error: Error) => error.message.includes(`${thief.url}/token`));
    assert.equal(thief.connections(), 0);
  });

  for (const code of [307, 308, 302]) {
    test(`a token server that redirects by ${code} (R04)`, async (t) => {
      const thief = await listenFor(t, (response) => response.end('{"token":"x"}'));
      const fault = on(
        /^\/token/,
        replaceBy({ status: code, headers: { location: thief.url }, body: Buffer.alloc(0) }),
      );
      for (const auth of [
        { kind: 'bearer', user: 'me', password },
        { kind: 'bearer', refreshToken: password },
      ] as const) {
        const registry = await serve(t, { auth, fault });
        const entry = 'user' in auth ? userEntry('me', password) : { identitytoken: password };
        const client = clientFor(t, registry.host, { env: loggedIn(t, { [registry.host]: entry }) });
        await assert.rejects(client.getManifest('1'), { code: 'E_REGISTRY', message: /not followed/ });
      }
      assert.equal(thief.connections(), 0);
    });
  }

  test('credentials of one registry never go to another', async (t) => {
    const other = await serve(t, { auth: { kind: 'basic', user: 'me', password } });
    const client = clientFor(t, other.host, {
      env: loggedIn(t, { '127.0.0.1': userEntry('me', password), '127.0.0.1:1': userEntry('me', password) }),
    });
    await assert.rejects(client.getManifest('1'), { code: 'E_DENIED' });
    assert.ok(other.requests.every(({ headers }) => headers.authorization === undefined));
  });

  const refusedTokens: [string, Partial<Parameters<typeof replaceBy>[0]>, RegExp][] = [
    ['no JSON', { body: Buffer.from('<html>') }, /not JSON/],
    ['no token', { body: Buffer.from('{}') }, /did not include a token/],
    ['null', { body: Buffer.from('null') }, /did not include a token/],
    ['a token with a line break', { body: Buffer.from('{"token":"a\\r\\nx: y"}') }, /did not include a token/],
    ['a number', { body: Buffer.from('{"token":7}') }, /did not include a token/],
    ['a very large answer (R32)', { body: Buffer.alloc(2 * 1024 * 1024, ' ') }, /brings more than 1048576 bytes/],
    ['a large error (R32)', { status: 403, body: Buffer.alloc(2 * 1024 * 1024, 'x') }, /error parsing HTTP 403/],
  ];
  for (const [what, answer, message] of refusedTokens) {
    test(`a token server that answers ${what}`, async (t) => {
      const registry = await serve(t, { auth: { kind: 'bearer' }, fault: on(/^\/token/, replaceBy(answer)) });
      await assert.rejects(clientFor(t, registry.host).getManifest('1'), message);
    });
  }

  for (const header of [
    'Bearer',
    'Basic',
    'Digest realm="x"',
    ',,,',
    '',
    'Bearer realm=',
    `Bearer realm="${'x'.repeat(10_000)}"`,
  ]) {
    test(`a challenge of ${JSON.stringify(header.slice(0, 30))}`, async (t) => {
      const registry = await serve(t, { fault: challengeWith(header) });
      await assert.rejects(
        clientFor(t, registry.host).getManifest('1'),
        (error: { code?: string }) => error.code === 'E_DENIED' || error.code === 'E_REGISTRY',
      );
      assert.ok(registry.requests.length <= 2);
    });
  }

  test('a registry that is never satisfied (R22)', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, {
      image,
      auth: { kind: 'bearer' },
      fault: on(/\/(?:blobs|manifests\/never)/, (question, answer) =>
        answer.status === 401 || question.url.pathname === '/token'
          ? answer
          : {
              status: 401,
              headers: { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` },
              body: Buffer.alloc(0),
            },
      ),
    });
    const client = clientFor(t, registry.host);
    await assert.rejects(fetchLayer(client, image), { code: 'E_DENIED' });
    await assert.rejects(client.getManifest('never'), { code: 'E_DENIED' });
    assert.ok(registry.requests.length <= 14, `${registry.requests.length} requests`);
  });
});

/** realm, the registry, whether it is fine */
const realms: [string | undefined, string, boolean][] = [
  ['https://auth.docker.io/token', 'https://registry-1.docker.io', true],
  ['https://r.test/token?x=1', 'https://r.test', true],
  ['https://93.184.216.34/token', 'https://r.test', true],
  ['http://r.test:5000/token', 'http://r.test:5000', true],
  ['https://127.0.0.1:5000/token', 'https://127.0.0.1:5000', true],
  ['http://[::1]:5000/token', 'http://[::1]:5000', true],
  ['http://10.0.0.1:5000/token', 'http://10.0.0.1:5000', true],
  ['http://r.test/token', 'https://r.test', false],
  ['https://127.0.0.1:5001/token', 'https://127.0.0.1:5000', false],
  ['https://127.0.0.1/token', 'https://r.test', false],
  ['https://localhost/token', 'https://r.test', false],
  ['https://LOCALHOST./token', 'https://r.test', false],
  ['http://169.254.169.254/latest/', 'http://r.test', false],
  ['https://10.0.0.1/token', 'https://r.test', false],
  ['https://172.31.255.255/token', 'https://r.test', false],
  ['https://192.168.0.1/token', 'https://10.0.0.1', false],
  ['https://[fd00::1]/token', 'https://r.test', false],
  ['https://[fe80::1]/token', 'https://r.test', false],
  ['https://0.0.0.0/token', 'https://r.test', false],
  ['https://[::]/token', 'https://r.test', false],
  ['https://2130706433/token', 'https://r.test', false],
  ['https://0x7f.1/token', 'https://r.test', false],
  ['https://0177.0.0.1/token', 'https://r.test', false],
  ['https://[::ffff:10.0.0.1]/token', 'https://r.test', false],
  ['https://[64:ff9b::a9fe:a9fe]/token', 'https://r.test', false],
  ['https://me:pw@r.test/token', 'https://r.test', false],
  ['https://me@r.test/token', 'https://r.test', false],
  ['https://r.test/token#x', 'https://r.test', false],
  ['https://r.test/token#', 'https://r.test', false],
  ['https://r.test/to ken', 'https://r.test', false],
  ['https://r.test/\r\nx', 'https://r.test', false],
  ['https:\\\\r.test', 'https://r.test', false],
  ['file:///etc/passwd', 'https://r.test', false],
  ['unix:/var/run/docker.sock', 'https://r.test', false],
  ['/token', 'https://r.test', false],
  ['', 'https://r.test', false],
  [undefined, 'https://r.test', false],
  [`https://r.test/${'x'.repeat(64 * 1024)}`, 'https://r.test', false],
];
for (const [realm, registry, fine] of realms) {
  test(`${registry} may ${fine ? '' : 'not '}send us to ${realm?.slice(0, 60)} (R02, R03, R05)`, () => {
    if (fine) assert.equal(checkRealm(realm, new URL(registry)).href, new URL(realm ?? '').href);
    else assert.throws(() => checkRealm(realm, new URL(registry)), { code: 'E_REGISTRY' });
  });
}

test('a password in a realm is not shown', () => {
  assert.throws(
    () => checkRealm('https://me:hunter2@r.test/', new URL('https://r.test')),
    (error: Error) => !error.message.includes('hunter2'),
  );
});
