/** What a mirror gets to know, and what it may make of it: mirrors are trusted less than the registry they stand for. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../../../fixtures/registry/certificates.js';
import { inTurn, on, redirectTo } from '../../../fixtures/registry/faults.js';
import { configDir, hostsToml } from '../../support/config-files.js';
import { listenFor } from '../../support/listener.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { mirrored, patient } from '../../support/mirrored.js';
import { missing } from '../../support/needs.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

const auth = { kind: 'basic', user: 'me', password: 'origin-secret' } as const;

describe('a mirror', { concurrency: 4 }, () => {
  test('never gets the login of the registry, also when it asks for one', async (t) => {
    const image = opaqueImage();
    const origin = await serve(t, { image, auth });
    const greedy = await listenFor(t, (response) => {
      response.writeHead(401, { 'www-authenticate': `Basic realm="${origin.host}"` }).end();
    });
    const bearer = await listenFor(t, (response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${origin.url}/token",service="x"` }).end();
    });
    const toml = `[host."${greedy.url}"]\n[host."${bearer.url}"]\n`;
    const client = clientFor(t, origin.host, {
      timeouts: patient,
      configDir: configDir(t, { [hostsToml(origin.host)]: toml }),
      env: loggedIn(t, { [origin.host]: userEntry('me', 'origin-secret') }),
    });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.ok(greedy.seen.length > 0 && bearer.seen.length > 0);
    for (const { headers } of [...greedy.seen, ...bearer.seen]) assert.equal(headers.authorization, undefined);
    // Nor is the registry's login used for a token that a mirror would get.
    assert.ok(origin.requests.every(({ url }) => !url.startsWith('/token')));
  });

  test('has a login of its own, which the registry does not get', async (t) => {
    const image = opaqueImage();
    const mirror = await serve(t, { image, auth: { kind: 'bearer', user: 'm', password: 'mirror-secret' } });
    const origin = await serve(t, { image });
    const client = clientFor(t, origin.host, {
      timeouts: patient,
      configDir: configDir(t, { [hostsToml(origin.host)]: `[host."${mirror.url}"]\ncapabilities = ["pull"]` }),
      env: loggedIn(t, { [mirror.host]: userEntry('m', 'mirror-secret'), [origin.host]: userEntry('me', 'x') }),
    });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.ok(mirror.requests.some(({ url, headers }) => url.startsWith('/token') && headers.authorization));
    assert.ok(mirror.requests.some(({ url, headers }) => url.includes('/blobs/') && headers.authorization));
    assert.ok(origin.requests.length > 0);
    for (const { headers } of origin.requests) assert.equal(headers.authorization, undefined);
  });

  test('gets its headers; a host that it redirects to does not, nor does the registry', async (t) => {
    const image = opaqueImage();
    const [blob = Buffer.alloc(0)] = image.layers;
    const storage = await listenFor(t, (response, url) => {
      const { bytes, mediaType, digest } = image.manifest;
      response.writeHead(200, { 'content-type': mediaType, 'docker-content-digest': digest });
      response.end(url === '/blob' ? blob : bytes);
    });
    const toml = '[host."URL".header]\nx-token = "header-secret"\nx-list = ["a", "b"]';
    const fault = inTurn(
      on(/\/blobs\//, redirectTo(`${storage.url}/blob`)),
      on(/\/manifests\//, redirectTo(`${storage.url}/manifest`)),
    );
    const { client, mirrors, origin } = await mirrored(t, { image, mirrors: [{ toml, fault }] });
    await client.headManifest('1');
    assert.deepEqual((await fetchLayer(client, image)).bytes, blob);
    for (const { headers } of mirrors[0]?.requests ?? []) {
      assert.equal(headers['x-token'], 'header-secret');
      assert.equal(headers['x-list'], 'a, b');
    }
    assert.equal(storage.seen.length, 3);
    for (const { headers } of storage.seen) assert.equal(headers['x-token'], undefined);
    assert.deepEqual(origin.requests, []);
  });

  test('that repeats a header does not have it shown', async (t) => {
    const toml = '[host."URL".header]\nx-token = "header-secret"';
    const repeat = on(/./, (question) => ({
      status: 400,
      headers: {},
      body: Buffer.from(`no ${question.headers['x-token']}`),
    }));
    const { client, failovers, image } = await mirrored(t, { mirrors: [{ toml, fault: repeat }] });
    await fetchLayer(client, image);
    assert.ok(failovers.length > 0);
    assert.doesNotMatch(JSON.stringify(failovers), /header-secret/);
  });

  test('with a wrong certificate is told nothing, and the registry is asked', {
    skip: missing('openssl'),
  }, async (t) => {
    const authority = makeAuthority(tempDir(t));
    const tls = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
    const { client, mirrors, failovers, image } = await mirrored(t, { mirrors: [{ tls }] });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.deepEqual(mirrors[0]?.requests, []);
    assert.equal(failovers.length, 1);
    assert.match(failovers[0]?.reason ?? '', /certificate/);
  });

  test('with a wrong certificate is not spoken to in clear', { skip: missing('openssl') }, async (t) => {
    const authority = makeAuthority(tempDir(t));
    const tls = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
    const mirror = await serve(t, { tls });
    const origin = await serve(t);
    const toml = `[host."http://${mirror.host}"]\nskip_verify = false\n`;
    const client = clientFor(t, origin.host, {
      timeouts: patient,
      configDir: configDir(t, { [hostsToml(origin.host)]: toml }),
    });
    await client.getManifest('1');
    assert.deepEqual(mirror.requests, []);
  });
});

/** How the file says that the mirror may be trusted. */
const trusts: [what: string, toml: (files: { ca: string; cert: string; key: string; both: string }) => string][] = [
  ['an authority', ({ ca }) => `ca = "${ca}"`],
  ['a list of authorities', ({ ca }) => `ca = ["${ca}"]`],
  ['skip_verify', () => 'skip_verify = true'],
];
for (const [what, toml] of trusts)
  test(`the mirror's certificate is taken by ${what}`, { skip: missing('openssl') }, async (t) => {
    const scene = await tlsMirror(t, false);
    const { client, mirrors, origin, image } = await scene.start(toml(scene));
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.ok((mirrors[0]?.requests.length ?? 0) > 0);
    assert.deepEqual(origin.requests, []);
  });

/** How the file names the certificate by which we prove who we are. */
const clients: [what: string, toml: (files: { cert: string; key: string; both: string }) => string][] = [
  ['one file', ({ both }) => `client = "${both}"`],
  ['a list of files', ({ both }) => `client = ["${both}"]`],
  ['a pair', ({ cert, key }) => `client = [["${cert}", "${key}"]]`],
  ['a pair without a key', ({ both }) => `client = [["${both}", ""]]`],
];
for (const [what, toml] of clients)
  test(`a client certificate for the mirror, by ${what}`, { skip: missing('openssl') }, async (t) => {
    const scene = await tlsMirror(t, true);
    const { client, mirrors, origin, image } = await scene.start(`ca = "${scene.ca}"\n${toml(scene)}`);
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.ok((mirrors[0]?.requests.length ?? 0) > 0);
    assert.deepEqual(origin.requests, []);
  });

/** A mirror with TLS that may want to see a certificate, too. */
async function tlsMirror(t: TestContext, wantsClient: boolean) {
  const folder = tempDir(t);
  const authority = makeAuthority(folder);
  const server = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
  const own = makeCertificate(authority, 'client', ['DNS:client.test']);
  const [cert, key, both] = [`${folder}/c.cert`, `${folder}/c.key`, `${folder}/c.pem`];
  writeFileSync(cert, own.cert);
  writeFileSync(key, own.key);
  writeFileSync(both, own.cert + own.key);
  const ca = readFileSync(authority.caFile, 'utf8');
  const tls = { ...server, ...(wantsClient && { ca, requestCert: true, rejectUnauthorized: true }) };
  const start = (toml: string) => mirrored(t, { mirrors: [{ tls, toml }] });
  return { ca: authority.caFile, cert, key, both, start };
}
