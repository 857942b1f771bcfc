/** Archives to be imported that are damaged, hostile or never end, from files, pipes and servers: an error, and nothing left. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createWriteStream, existsSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { importImage } from '../../src/import/import-image.js';
import { KnownError } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import { digestOf } from '../../store/oci/digest.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { file, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const options = { skip: missing('root', 'mkfifo'), timeout: 60_000 };
const archive = tar(file('etc/x', 'x'.repeat(100_000)));

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function refused(root: string, source: string, code: string, text: RegExp, more = {}): Promise<void> {
  await assert.rejects(importImage(source, 'bad:1', { root, ...more }), (error) => {
    assert.ok(error instanceof KnownError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
  if (!existsSync(root)) return;
  assert.deepEqual(openImageDb(root).ids(), []);
  checkStore(root);
}

const layersOf = (root: string, id: Parameters<ReturnType<typeof openImageDb>['get']>[0]) =>
  openImageDb(root).get(id)?.diffIds;

test('the same layer from a file, gzip, a fifo and a server that redirects', options, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  const [plain, packed, fifo] = ['x.tar', 'x.tar.gz', 'fifo'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(plain, archive);
  writeFileSync(packed, gzipSync(archive));
  execFileSync('mkfifo', [fifo]);
  const url = await serve(t, (request, response) => {
    if (request.url === '/start') response.writeHead(302, { location: '/file' }).end();
    else response.end(gzipSync(archive));
  });
  for (const source of [plain, packed, fifo, `${url}/start`]) {
    const writing = source === fifo ? createWriteStream(fifo) : undefined;
    writing?.end(archive);
    const id = await importImage(source, undefined, { root, platform: 'linux/arm/v7' });
    assert.deepEqual(layersOf(root, id), [digestOf(archive)]);
    const document = openImageDb(root).get(id)?.document;
    assert.deepEqual([document?.['architecture'], document?.['variant']], ['arm', 'v7']);
  }
  checkStore(root);
});

test('archives that are none', options, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  const write = (bytes: Buffer): string => {
    writeFileSync(join(folder, 'bad'), bytes);
    return join(folder, 'bad');
  };
  await refused(root, write(Buffer.alloc(0)), 'E_ARCHIVE', /too short/);
  await refused(root, write(Buffer.from('no archive at all'.repeat(100))), 'E_ARCHIVE', /./);
  await refused(root, write(archive.subarray(0, 50_000)), 'E_ARCHIVE', /./);
  await refused(root, write(gzipSync(archive).subarray(0, 100)), 'E_ARCHIVE', /./);
  await refused(root, folder, 'E_ARCHIVE', /is a directory/);
  await refused(root, join(folder, 'nosuch'), 'E_NOT_FOUND', /^open .*: no such file or directory$/);
});

test('an archive that leads out of the image', options, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  const outside = join(folder, 'outside');
  for (const hostile of [
    tar(symlink('link', folder), file('link/outside', 'x')),
    tar(file('../../../../../../../../../../outside', 'x')),
    tar(symlink('a', '..'), symlink('a/b', '..'), file('a/b/outside', 'x')),
  ]) {
    writeFileSync(join(folder, 'hostile.tar'), hostile);
    await importImage(join(folder, 'hostile.tar'), undefined, { root }).catch((error: unknown) => {
      assert.ok(error instanceof KnownError && error.code === 'E_ARCHIVE', String(error));
    });
    assert.equal(existsSync(outside), false);
    checkStore(root);
  }
});

test('servers that misbehave', options, async (t) => {
  const root = join(tempDir(t), 'root');
  const url = await serve(t, (request, response) => {
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 40_000), () => response.socket?.destroySoon());
    } else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (request.url === '/scheme') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    else if (request.url === '/broken') response.writeHead(503).end('no');
    else response.writeHead(404).end();
  });
  await refused(root, `${url}/cut`, 'E_NETWORK', /./);
  await refused(root, `${url}/loop`, 'E_REGISTRY', /in a circle/);
  await refused(root, `${url}/scheme`, 'E_REGISTRY', /neither http nor https/);
  await refused(root, `${url}/broken`, 'E_REGISTRY', /^failed to GET .* with status 503 Service Unavailable$/);
  await refused(root, `${url}/nosuch`, 'E_NOT_FOUND', /with status 404 Not Found$/);
  await refused(root, 'http://127.0.0.1:1/x', 'E_NETWORK', /connection refused/);
  await refused(root, 'http://user:secret@127.0.0.1:1/x', 'E_NETWORK', /^(?!.*secret)/);
});

test('a server that stalls is given up, and waiting can be cancelled', options, async (t) => {
  const root = join(tempDir(t), 'root');
  const url = await serve(t, (_request, response) => {
    response.writeHead(200);
    response.write(archive.subarray(0, 1000));
  });
  await refused(root, url, 'E_NETWORK', /brings less than/, { stallTimeoutMs: 200 });
  const signal = AbortSignal.timeout(200);
  await refused(root, url, 'E_CANCELLED', /was cancelled/, { signal });
});
