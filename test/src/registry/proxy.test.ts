import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeAuthority, makeCertificate } from '../../../fixtures/registry/certificates.js';
import { proxyFor } from '../../../src/registry/proxy.js';
import { proxySettings } from '../../../src/registry/settings.js';
import { loggedIn, userEntry } from '../../support/logins.js';
import { missing } from '../../support/needs.js';
import { startProxy } from '../../support/proxy.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('openssl');

test('https through a tunnel: API calls, HEAD and blobs', { skip }, async (t) => {
  const image = opaqueImage(200_000);
  const authority = makeAuthority(tempDir(t));
  const tls = makeCertificate(authority, 'server', ['DNS:registry.test']);
  const registry = await serve(t, { image, tls, auth: { kind: 'basic', user: 'me', password: 'secret' } });
  const proxy = await startProxy(t, registry.port);
  const env = {
    ...loggedIn(t, { 'registry.test': userEntry('me', 'secret') }),
    HTTPS_PROXY: proxy.url.replace('//', '//u:p%40@'),
  };
  const client = clientFor(t, 'registry.test', { caFiles: [authority.caFile], env });
  assert.equal(await client.headManifest('1'), image.manifest.digest);
  assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  assert.ok(proxy.seen.length > 0);
  for (const { line, authorization, leaked } of proxy.seen) {
    assert.equal(line, 'CONNECT registry.test:443');
    assert.equal(authorization, `Basic ${Buffer.from('u:p@').toString('base64')}`);
    assert.equal(leaked, undefined);
  }
  assert.ok(registry.requests.every(({ headers }) => headers['proxy-authorization'] === undefined));
});

test('a tunnel does not spare a certificate its check', { skip }, async (t) => {
  const authority = makeAuthority(tempDir(t));
  const registry = await serve(t, { tls: makeCertificate(authority, 'server', ['DNS:other.test']) });
  const proxy = await startProxy(t, registry.port);
  const client = clientFor(t, 'registry.test', { caFiles: [authority.caFile], env: { https_proxy: proxy.url } });
  await assert.rejects(client.headManifest('1'), { code: 'E_TLS' });
  await assert.rejects(client.getManifest('1'), { code: 'E_TLS' });
  assert.deepEqual(registry.requests, []);
});

test('a registry of another name is never spoken to in plain http', async (t) => {
  const registry = await serve(t);
  const proxy = await startProxy(t, registry.port);
  const env = { http_proxy: proxy.url, https_proxy: proxy.url };
  const client = clientFor(t, 'registry.test:5000', { env });
  await assert.rejects(client.getManifest('1'), { code: 'E_TLS' });
  assert.deepEqual(registry.requests, []);
  assert.ok(proxy.seen.every(({ line }) => line === 'CONNECT registry.test:5000'));
});

test('plain http through a proxy, for an insecure registry', async (t) => {
  const image = opaqueImage(200_000);
  const registry = await serve(t, { image });
  const proxy = await startProxy(t, registry.port);
  const env = { http_proxy: proxy.url.replace('//', '//u:p@'), https_proxy: proxy.url };
  const client = clientFor(t, 'registry.test:5000', { env, insecure: true });
  assert.equal(await client.headManifest('1'), image.manifest.digest);
  assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  assert.ok(proxy.seen.some(({ line }) => line === 'GET http://registry.test:5000/v2/lib/x/manifests/1'));
  assert.ok(
    proxy.seen
      .filter(({ line }) => !line.startsWith('CONNECT'))
      .every(({ authorization }) => authorization === 'Basic dTpw'),
  );
});

test('a proxy that refuses', async (t) => {
  const proxy = await startProxy(t, 1, { answer: '407 Proxy Authentication Required' });
  const client = clientFor(t, 'registry.test', { env: { https_proxy: proxy.url } });
  await assert.rejects(client.getManifest('1'), {
    code: 'E_NETWORK',
    message: /refuses the connection to registry.test:443: 407 Proxy Authentication Required$/,
  });
});

const none = undefined;
/** URL, NO_PROXY, whether the proxy is used */
const exclusions: [string, string | undefined, boolean][] = [
  ['https://r.test/', none, true],
  ['https://r.test/', '', true],
  ['https://localhost:5000/', none, false],
  ['https://127.0.0.1:5000/', none, false],
  ['https://127.8.8.8:5000/', none, false],
  ['https://[::1]:5000/', none, false],
  ['https://10.0.0.1/', none, true],
  ['https://r.test/', '*', false],
  ['https://r.test/', 'other.test,*', false],
  ['https://r.test/', 'r.test', false],
  ['https://r.test/', 'R.TEST', false],
  ['https://a.r.test/', 'r.test', false],
  ['https://a.b.r.test/', 'r.test', false],
  ['https://a.r.test/', '.r.test', false],
  ['https://a.r.test/', '*.r.test', false],
  ['https://r.test/', '.r.test', true],
  ['https://r.test/', '*.r.test', true],
  ['https://ar.test/', 'r.test', true],
  ['https://ar.test/', '*r.test', true],
  ['https://r.test.evil/', 'r.test', true],
  ['https://r.test:5000/', 'r.test:5000', false],
  ['https://r.test:5000/', '.test:5000', false],
  ['https://r.test/', 'r.test:443', false],
  ['https://r.test/', 'r.test:', false],
  ['https://r.test/', ':443', true],
  ['https://r.test/', 'r.test:5000', true],
  ['https://r.test/', 'r.test:https', true],
  ['https://r.test/', 'https://r.test', true],
  ['https://xn--bcher-kva.test/', 'b\u00fccher.test', false],
  ['https://10.1.2.3/', '10.0.0.0/8', false],
  ['https://11.1.2.3/', '10.0.0.0/8', true],
  ['https://10.1.2.3/', '10.1.2.3', false],
  ['https://10.1.2.3/', '10.1.2.3:443', false],
  ['https://10.1.2.3:5000/', '10.1.2.3:443', true],
  ['https://10.1.2.3/', '.2.3', false],
  ['https://10.1.2.3/', '2.3', false],
  ['https://10.1.2.3/', '10.1.2.3/99', true],
  ['https://10.1.2.3/', '0.0.0.0/0', false],
  ['https://[fd00::5]/', 'fd00::/8', false],
  ['https://[fd00::5]/', '[fd00::5]', false],
  ['https://[fd00::5]/', 'fd00::5', false],
  ['https://[fd00::5]/', 'FD00:0:0::5', false],
  ['https://[fd00::5]/', '[fd00::5]:443', false],
  ['https://[fd00::5]/', '[fd00::5]:5000', true],
  ['https://[fe00::5]/', 'fd00::/8', true],
  ['https://r.test/', '10.0.0.0/8, other.test ,, r.test', false],
  ['https://r.test/', '10.0.0.0/99,x/8,/', true],
  ['https://r.test/', 'other.test r.test', true],
];
for (const [url, no, used] of exclusions) {
  test(`NO_PROXY=${no} and ${url}`, () => {
    const found = proxyFor(new URL(url), { http: none, https: 'proxy.test:3128', no });
    assert.equal(found?.href, used ? 'http://proxy.test:3128/' : undefined);
  });
}

test('NO_PROXY as a Go program reads it', { skip: missing('root', 'unshare', 'skopeo', 'ip') }, async () => {
  const program = fileURLToPath(new URL('../../support/go-proxy-choice.js', import.meta.url));
  // The version in Debian 12 cannot parse IPv6 addresses in names of images.
  const asked = exclusions.filter(([url]) => !url.includes('['));
  const cases = asked.map(([url, no]) => {
    const { hostname, port } = new URL(url);
    return [`${hostname}:${port || '443'}`, no ?? null];
  });
  const { stdout } = await promisify(execFile)('unshare', ['--net', process.execPath, program, JSON.stringify(cases)]);
  const seen = JSON.parse(stdout).map((way: string, at: number) => [...(asked[at] ?? []), way]);
  assert.deepEqual(
    seen,
    asked.map((it) => [...it, it[2] ? 'proxy' : 'direct']),
  );
});

test('names of variables in capitals win, as in Go', () => {
  const env = { HTTPS_PROXY: 'a:1', https_proxy: 'b:2', http_proxy: 'c:3', NO_PROXY: '', no_proxy: 'd' };
  assert.deepEqual(proxySettings(env), { https: 'a:1', http: 'c:3', no: 'd' });
});

test('what is no proxy', () => {
  const choose = (https: string) => proxyFor(new URL('https://r.test'), { http: none, https, no: none });
  for (const https of ['socks5://x', 'http://', 'file:///x', 'http://a:b@:1', 'http://me:100%@x:1', 'http://%ff@x:1'])
    assert.throws(() => choose(https), { code: 'E_USAGE', hint: /./ });
  // A password must not be shown, whatever is wrong.
  for (const https of ['socks5://me:hunter2@x', 'http://me:hunter2@x:y', 'http://me:hunter2%@x'])
    assert.throws(
      () => choose(https),
      (error: Error) => !error.message.includes('hunter2'),
    );
});
