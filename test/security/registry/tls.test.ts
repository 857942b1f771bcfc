/** The identity of a registry, and that nothing goes out in clear when it cannot be proved. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type Authority,
  type KeyPair,
  makeAuthority,
  makeCertificate,
} from '../../../fixtures/registry/certificates.js';
import { on } from '../../../fixtures/registry/faults.js';
import { listen } from '../../../fixtures/registry/registry.js';
import { missing } from '../../support/needs.js';
import { startProxy } from '../../support/proxy.js';
import { clientFor, fetchLayer, opaqueImage, serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('openssl');
const ours = ['IP:127.0.0.1', 'DNS:localhost'];

async function scene(t: TestContext, make: (authority: Authority) => KeyPair) {
  const authority = makeAuthority(tempDir(t));
  const image = opaqueImage(100_000);
  const registry = await serve(t, { image, tls: make(authority) });
  return { authority, image, registry };
}

describe('TLS', { concurrency: true, skip }, () => {
  test('an authority of ours by option, for API calls and for blobs', async (t) => {
    const { authority, image, registry } = await scene(t, (ca) => makeCertificate(ca, 'server', ours));
    const client = clientFor(t, registry.host, { caFiles: [authority.caFile] });
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
  });

  test('an authority in the folder of the host', async (t) => {
    const { authority, image, registry } = await scene(t, (ca) => makeCertificate(ca, 'server', ours));
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/${registry.host}`);
    copyFileSync(authority.caFile, `${certsDir}/${registry.host}/ca.crt`);
    assert.deepEqual((await fetchLayer(clientFor(t, registry.host, { certsDir }), image)).bytes, image.layers[0]);
  });

  const distrusted: [string, (authority: Authority) => KeyPair, boolean, RegExp][] = [
    ['an authority that nobody knows (R13)', (ca) => makeCertificate(ca, 'server', ours), false, /^add its authority/],
    ['another name (R13)', (ca) => makeCertificate(ca, 'server', ['DNS:other.test']), true, /^use a name/],
    ['an expired certificate (R13)', (ca) => makeCertificate(ca, 'server', ours, -1), true, /renewed, or the clock/],
  ];
  for (const [what, make, trustAuthority, hint] of distrusted) {
    test(`${what}: refused, and nothing in clear`, async (t) => {
      const { authority, registry } = await scene(t, make);
      const client = clientFor(t, registry.host, { caFiles: trustAuthority ? [authority.caFile] : [] });
      await assert.rejects(client.headManifest('1'), { code: 'E_TLS', hint });
      await assert.rejects(client.getManifest('1'), { code: 'E_TLS', hint });
      assert.deepEqual(registry.requests, []);
    });

    test(`${what}: taken with --insecure`, async (t) => {
      const { image, registry } = await scene(t, make);
      const client = clientFor(t, registry.host, { insecure: true });
      assert.equal(await client.headManifest('1'), image.manifest.digest);
      assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    });
  }

  test('no fall-back to http after a TLS error (R13)', async (t) => {
    const { registry } = await scene(t, (ca) => makeCertificate(ca, 'server', ours));
    // Passes bytes on and looks at how each connection begins: 0x16 is a TLS handshake.
    const begins: number[] = [];
    const relay = createServer((socket) => {
      const upstream = connect(registry.port, '127.0.0.1');
      socket.once('data', (chunk: Buffer) => begins.push(chunk[0] ?? -1));
      socket.pipe(upstream).pipe(socket);
      socket.on('error', () => upstream.destroy());
      upstream.on('error', () => socket.destroy());
    });
    const port = await listen(relay, '127.0.0.1');
    t.after(() => relay.close());
    await assert.rejects(clientFor(t, `127.0.0.1:${port}`).getManifest('1'), { code: 'E_TLS' });
    assert.ok(begins.length > 0 && begins.every((byte) => byte === 0x16), String(begins));
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED does not decide', async (t) => {
    const { registry } = await scene(t, (ca) => makeCertificate(ca, 'server', ours));
    const module = new URL('../../../src/registry/client.js', import.meta.url).href;
    const script = `const { createRegistryClient } = await import(${JSON.stringify(module)});
      const client = createRegistryClient({ domain: '${registry.host}', path: 'lib/x', certsDir: '/nonexistent' });
      for (const ask of ['headManifest', 'getManifest'])
        await client[ask]('1').then(() => console.log('taken'), (error) => console.log(error.code));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    });
    assert.equal(stdout, 'E_TLS\nE_TLS\n');
  });

  test('a version of TLS that is too old', async (t) => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { authority, registry } = await scene(t, (ca) => ({ ...makeCertificate(ca, 'server', ours), ...old }));
    const client = clientFor(t, registry.host, { caFiles: [authority.caFile] });
    for (const ask of ['headManifest', 'getManifest'] as const)
      await assert.rejects(client[ask]('1'), {
        code: 'E_TLS',
        message: /has no version of TLS in common with us: /,
        hint: 'TLS 1.2 and 1.3 are spoken',
      });
    assert.deepEqual(registry.requests, []);
  });

  for (const [what, end] of [
    ['closed', (socket: Socket) => socket.end()],
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
  ] as const)
    test(`a handshake that is ${what} is tried again, and not in clear`, async (t) => {
      let connections = 0;
      const server = createServer((socket) => {
        connections++;
        socket.once('data', () => end(socket));
        socket.on('error', () => socket.destroy());
      });
      const port = await listen(server, '127.0.0.1');
      t.after(() => server.close());
      const proxy = await startProxy(t, port);
      const env = { HOME: '/nonexistent', HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
      await assert.rejects(clientFor(t, 'registry.test', { env }).getManifest('1'), { code: 'E_NETWORK' });
      assert.equal(connections, 5);
      assert.ok(proxy.seen.every(({ line }) => line === 'CONNECT registry.test:443'));
    });

  test('an address of IPv6', async (t) => {
    const authority = makeAuthority(tempDir(t));
    const image = opaqueImage(100_000);
    const tls = makeCertificate(authority, 'server', ['IP:::1']);
    const registry = await serve(t, { image, tls, address: '::1' });
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/${registry.host}`);
    copyFileSync(authority.caFile, `${certsDir}/${registry.host}/ca.crt`);
    assert.match(registry.host, /^\[::1\]:/);
    assert.deepEqual((await fetchLayer(clientFor(t, registry.host, { certsDir }), image)).bytes, image.layers[0]);
    const other = makeCertificate(authority, 'other', ['IP:::2']);
    const wrong = await serve(t, { image, tls: other, address: '::1' });
    await assert.rejects(clientFor(t, wrong.host, { caFiles: [authority.caFile] }).getManifest('1'), { code: 'E_TLS' });
  });

  test('a client certificate is shown to its own host, and to no other', async (t) => {
    const authority = makeAuthority(tempDir(t));
    const image = opaqueImage(100_000);
    const tls = {
      ...makeCertificate(authority, 'server', ours),
      requestCert: true,
      rejectUnauthorized: false,
      ca: [authority.caFile].map((path) => readFileSync(path)),
    };
    const elsewhere = await serve(t, { image, tls });
    const registry = await serve(t, {
      image,
      tls,
      fault: on(/\/blobs\//, (question) => ({
        status: 307,
        headers: { location: `${elsewhere.url}${question.url.pathname}` },
        body: Buffer.alloc(0),
      })),
    });
    const known = makeCertificate(authority, 'client', ['DNS:client']);
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/${registry.host}`);
    copyFileSync(known.certFile, `${certsDir}/${registry.host}/client.cert`);
    copyFileSync(known.keyFile, `${certsDir}/${registry.host}/client.key`);
    const client = clientFor(t, registry.host, { certsDir, caFiles: [authority.caFile] });
    assert.deepEqual((await fetchLayer(client, image)).bytes, image.layers[0]);
    const shown = (requests: typeof registry.requests) => [...new Set(requests.map(({ client: name }) => name))];
    assert.deepEqual(shown(registry.requests), ['client']);
    assert.deepEqual(shown(elsewhere.requests), [undefined]);
  });

  test('a client certificate without its key', async (t) => {
    const certsDir = tempDir(t);
    mkdirSync(`${certsDir}/127.0.0.1:1`);
    writeFileSync(`${certsDir}/127.0.0.1:1/client.cert`, '');
    await assert.rejects(clientFor(t, '127.0.0.1:1', { certsDir }).getManifest('1'), {
      code: 'E_TLS',
      message: /missing key/,
    });
  });

  test('an authority file that is not there', async (t) => {
    const client = clientFor(t, '127.0.0.1:1', { caFiles: ['/nonexistent/ca.pem'] });
    await assert.rejects(client.getManifest('1'), { code: 'E_TLS', message: /\/nonexistent\/ca\.pem/ });
  });
});
