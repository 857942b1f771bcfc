/** The identity of a registry, and that nothing goes out in clear when it cannot be proved. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type Authority,
  type KeyPair,
  makeAuthority,
  makeCertificate,
} from '../../../fixtures/registry/certificates.js';
import { listen } from '../../../fixtures/registry/registry.js';
import { missing } from '../../support/needs.js';
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

  const distrusted: [string, (authority: Authority) => KeyPair, boolean][] = [
    ['an authority that nobody knows (R13)', (ca) => makeCertificate(ca, 'server', ours), false],
    ['another name (R13)', (ca) => makeCertificate(ca, 'server', ['DNS:other.test']), true],
    ['an expired certificate (R13)', (ca) => makeCertificate(ca, 'server', ours, -1), true],
  ];
  for (const [what, make, trustAuthority] of distrusted) {
    test(`${what}: refused, and nothing in clear`, async (t) => {
      const { authority, registry } = await scene(t, make);
      const client = clientFor(t, registry.host, { caFiles: trustAuthority ? [authority.caFile] : [] });
      await assert.rejects(client.headManifest('1'), { code: 'E_TLS' });
      await assert.rejects(client.getManifest('1'), { code: 'E_TLS' });
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
