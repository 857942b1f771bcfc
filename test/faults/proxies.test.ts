/** Proxies: of both kinds, with logins, and all the ways in which they fail, for the API and for layers in worker threads. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Authority, makeAuthority, makeCertificate } from '../../fixtures/registry/certificates.js';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { listen, type RunningRegistry, startRegistry } from '../../fixtures/registry/registry.js';
import { bundledProgram } from '../support/cli.js';
import { run } from '../support/dockerd.js';
import { checkFailure } from '../support/fault-pull.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { joinUntil, type ProxyOptions, startProxy, type TestProxy } from '../support/proxy.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../support/registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'openssl');
const mebibyte = 1024 * 1024;

interface Scene {
  authority: Authority;
  registry: RunningRegistry;
  proxy: TestProxy;
  /** The program, with `HTTPS_PROXY` and whatever else is in its environment. */
  pull(proxyUrl: string, env?: NodeJS.ProcessEnv): Promise<{ status: number | null; stderr: string; root: string }>;
}

/** `registry.test` exists for the proxy alone. */
async function scene(t: TestContext, options: ProxyOptions & { byTls?: boolean }, bytes = 700_000): Promise<Scene> {
  const authority = makeAuthority(tempDir(t));
  const contents = emptyContents();
  const layers = [1, 2].map((i) => tar(file(`f${i}`, '', { content: randomBytes(bytes) })));
  addImage(contents, 'lib/x', '1', buildImage({ layers, compression: 'none' }));
  const registry = await startRegistry({ contents, tls: makeCertificate(authority, 'server', ['DNS:registry.test']) });
  t.after(() => registry.close());
  const tls = options.byTls ? makeCertificate(authority, 'proxy', ['IP:127.0.0.1']) : undefined;
  const proxy = await startProxy(t, registry.port, { ...options, ...(tls && { tls }) });
  return {
    authority,
    registry,
    proxy,
    async pull(proxyUrl, more = {}) {
      const root = join(tempDir(t), 'root');
      const env = { PATH: process.env['PATH'], HOME: root, HTTPS_PROXY: proxyUrl, SSL_CERT_FILE: authority.caFile };
      const command = [bundledProgram('tspull'), '--root', root, '-q', 'registry.test/lib/x:1'];
      const { status, stderr } = await run(process.execPath, command, { env: { ...env, ...more } });
      return { status, stderr, root };
    },
  };
}

const withLogin = (url: string, login: string) => url.replace('//', `//${login}@`);

describe('pulls through a proxy', { concurrency: 4, skip }, () => {
  for (const byTls of [false, true])
    test(`that is spoken to by ${byTls ? 'https' : 'http'}, with a login`, async (t) => {
      const { registry, proxy, pull } = await scene(t, { byTls, login: 'me:pa:s%' });
      const { stderr, root } = await pull(withLogin(proxy.url, 'me:pa%3As%25'));
      assert.equal(stderr, '');
      checkStore(root);
      // The main thread and each worker have a tunnel of their own, and nothing goes another way.
      assert.ok(proxy.seen.length >= 2);
      assert.ok(proxy.seen.every(({ line, leaked }) => line === 'CONNECT registry.test:443' && leaked === undefined));
      assert.ok(registry.requests.every(({ headers }) => headers['proxy-authorization'] === undefined));
    });

  const refusals: [
    what: string,
    options: ProxyOptions,
    login: string,
    message: RegExp,
    hint: RegExp,
    tunnels: number,
  ][] = [
    [
      'no login',
      { login: 'me:x' },
      '',
      /refuses the connection to registry\.test:443: 407 Proxy Auth/,
      /USER:PASSWORD@HOST/,
      1,
    ],
    ['a wrong login', { login: 'me:x' }, 'me:hunter2', /: 407 Proxy Authentication Required/, /USER:PASSWORD@HOST/, 1],
    ['403', { answer: '403 Forbidden' }, '', /: 403 Forbidden/, /NO_PROXY/, 1],
    ['a redirect', { answer: '302 Found' }, '', /: 302 Found/, /NO_PROXY/, 1],
    ['502, always', { answer: '502 Bad Gateway' }, '', /: 502 Bad Gateway/, /NO_PROXY/, 6],
    ['control characters', { answer: '403 \u001b[2Jgone' }, '', /: 403 \\x1b\[2Jgone|Parse Error/, /./, 6],
  ];
  for (const [what, options, login, message, hint, tunnels] of refusals)
    test(`that answers ${what}`, async (t) => {
      const { registry, proxy, pull } = await scene(t, options);
      const { status, stderr } = await pull(login === '' ? proxy.url : withLogin(proxy.url, login));
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.match(stderr, new RegExp(`\\n {2}hint: .*${hint.source}`));
      assert.equal(stderr.trimEnd().split('\n').length, 2, stderr);
      assert.ok(!stderr.includes('hunter2'));
      assert.ok(proxy.seen.length <= tunnels, `${proxy.seen.length} tunnels`);
      assert.deepEqual(registry.requests, []);
    });

  test('that is not there', async (t) => {
    const { pull } = await scene(t, {});
    const { status, stderr } = await pull('http://127.0.0.1:1');
    assert.equal(status, 1);
    assert.match(stderr, /^tspull: proxy 127\.0\.0\.1:1: connection refused\n {2}hint: check HTTPS_PROXY/);
  });

  test('that nobody can verify', async (t) => {
    const { proxy, registry, pull } = await scene(t, { byTls: true });
    const other = makeAuthority(tempDir(t), 'another');
    const { status, stderr } = await pull(proxy.url, { SSL_CERT_FILE: other.caFile });
    assert.equal(status, 1);
    assert.match(stderr, /^tspull: proxy 127\.0\.0\.1:\d+: the certificate of 127\.0\.0\.1:\d+ cannot be verified/);
    assert.deepEqual([proxy.seen, registry.requests], [[], []]);
  });

  test('that breaks off every MiB of a layer', async (t) => {
    const join = joinUntil(mebibyte, (socket) => socket.destroySoon());
    const { proxy, pull } = await scene(t, { join }, 3 * mebibyte);
    const { stderr, root } = await pull(proxy.url);
    assert.equal(stderr, '');
    checkStore(root);
    assert.ok(proxy.seen.length >= 7 && proxy.seen.length <= 12, `${proxy.seen.length} tunnels`);
  });

  // Takes a minute.
  const stalls = isLongForm ? test : () => undefined;
  stalls('that stalls in the middle of a layer', async (t: TestContext) => {
    const { proxy, pull } = await scene(t, { join: joinUntil(500_000, () => undefined) });
    const { stderr, root } = await pull(proxy.url);
    assert.equal(stderr, '');
    checkStore(root);
    assert.ok(proxy.seen.length <= 8, `${proxy.seen.length} tunnels`);
  });
});

describe('a proxy that makes wait', { concurrency: true, skip }, () => {
  const unanswered: [what: string, options: ProxyOptions & { byTls?: boolean }][] = [
    ['does not answer', { answer: '' }],
    ['does not answer, by https', { answer: '', byTls: true }],
    ['leads to a registry that says nothing', { join: () => undefined }],
  ];
  for (const [what, options] of unanswered)
    test(`and ${what}`, async (t) => {
      const { proxy, authority } = await scene(t, options);
      const env = { HOME: '/nonexistent', HTTPS_PROXY: proxy.url, SSL_CERT_FILE: authority.caFile };
      const client = clientFor(t, 'registry.test', { env, timeouts: { connectMs: 500 } });
      const started = performance.now();
      const failure = await client.getManifest('1').catch((error: unknown) => error);
      checkFailure(failure, {
        code: 'E_NETWORK',
        message: /^no connection through proxy 127\.0\.0\.1:\d+ within 0\.5 s$/,
      });
      assert.ok(performance.now() - started < 5000);
      assert.equal(proxy.seen.length, 1);
    });

  test('before its TLS', async (t) => {
    const silent = createServer(() => undefined);
    const port = await listen(silent, '127.0.0.1');
    t.after(() => silent.close());
    const env = { HOME: '/nonexistent', HTTPS_PROXY: `https://127.0.0.1:${port}` };
    const client = clientFor(t, 'registry.test', { env, timeouts: { connectMs: 500 } });
    const failure = await client.getManifest('1').catch((error: unknown) => error);
    checkFailure(failure, { code: 'E_NETWORK', message: /^no connection through proxy/ });
  });

  test('in the middle of a layer: another tunnel', async (t) => {
    const image = opaqueImage(mebibyte);
    const authority = makeAuthority(tempDir(t));
    const registry = await serve(t, { image, tls: makeCertificate(authority, 'server', ['DNS:registry.test']) });
    const proxy = await startProxy(t, registry.port, { join: joinUntil(700_000, () => undefined) });
    const env = { HOME: '/nonexistent', HTTPS_PROXY: proxy.url };
    const { bytes, retries } = await fetchLayer(
      clientFor(t, 'registry.test', { caFiles: [authority.caFile], env }),
      image,
    );
    assert.ok(bytes.equals(image.layers[0] ?? Buffer.alloc(0)));
    assert.equal(retries.length, 1);
  });

  test('is let go when the client is closed', async (t) => {
    const { proxy } = await scene(t, { answer: '' });
    const client = clientFor(t, 'registry.test', { env: { HOME: '/nonexistent', HTTPS_PROXY: proxy.url } });
    const failed = assert.rejects(client.getManifest('1'));
    while (proxy.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const started = performance.now();
    client.close();
    await failed;
    assert.ok(performance.now() - started < 1000);
  });
});

describe('plain http through a proxy', { concurrency: true }, () => {
  test('that wants a login', async (t) => {
    const registry = await serve(t);
    const proxy = await startProxy(t, registry.port, { login: 'me:x' });
    const env = { HOME: '/nonexistent', HTTP_PROXY: proxy.url, NO_PROXY: '' };
    const client = clientFor(t, 'registry.test:5000', { env: { ...env, HTTPS_PROXY: proxy.url }, insecure: true });
    const failure = await client.getManifest('1').catch((error: unknown) => error);
    checkFailure(failure, { code: 'E_NETWORK', message: /407 Proxy Authentication Required/ });
    assert.ok(proxy.seen.length <= 2);
    const trusted = withLogin(proxy.url, 'me:x');
    const good = clientFor(t, 'registry.test:5000', {
      env: { ...env, HTTP_PROXY: trusted, HTTPS_PROXY: trusted },
      insecure: true,
    });
    assert.ok((await good.getManifest('1')).bytes.length > 0);
  });

  test('that is spoken to by https', { skip: missing('openssl') }, async (t) => {
    const image = opaqueImage(300_000);
    const authority = makeAuthority(tempDir(t));
    const registry = await serve(t, { image });
    const proxy = await startProxy(t, registry.port, { tls: makeCertificate(authority, 'proxy', ['IP:127.0.0.1']) });
    const env = {
      HOME: '/nonexistent',
      HTTP_PROXY: proxy.url,
      HTTPS_PROXY: proxy.url,
      SSL_CERT_FILE: authority.caFile,
    };
    const client = clientFor(t, 'registry.test:5000', { env, insecure: true });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    assert.ok(proxy.seen.some(({ line }) => line === 'GET http://registry.test:5000/v2/lib/x/manifests/1'));
  });
});
