/** Whether a port of this machine speaks plain http, found out without TLS. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../../../fixtures/registry/certificates.js';
import { listen } from '../../../fixtures/registry/registry.js';
import { isPlainHere } from '../../../src/registry/plain-probe.js';
import { serve } from '../../support/registry.js';
import { tempDir } from '../../support/temp.js';

const probe = (port: number) => isPlainHere(new URL(`https://127.0.0.1:${port}/v2/`));

async function tcp(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listen(server, '127.0.0.1');
}

test('plain http is seen', async (t) => {
  assert.equal(await probe((await serve(t)).port), true);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  for (const asks of [{}, { requestCert: true, rejectUnauthorized: true }])
    test(`${version} is no plain http${'requestCert' in asks ? ', with client certificates' : ''}`, async (t) => {
      const authority = makeAuthority(tempDir(t));
      const { key, cert } = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
      const { port } = await serve(t, { tls: { key, cert, minVersion: version, maxVersion: version, ...asks } });
      assert.equal(await probe(port), false);
    });

test('silence, an end and a closed port tell nothing', async (t) => {
  assert.equal(await probe(await tcp(t, () => undefined)), false);
  assert.equal(await probe(await tcp(t, (socket) => socket.end())), false);
  assert.equal(await probe(await tcp(t, (socket) => socket.resetAndDestroy())), false);
  const port = await tcp(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.equal(await probe(port), true);
});

test('other machines, and plain URLs, are not asked', async () => {
  for (const url of ['https://203.0.113.1:5000/v2/', 'https://registry.example/v2/', 'http://127.0.0.1:1/v2/'])
    assert.equal(await isPlainHere(new URL(url)), false);
});
