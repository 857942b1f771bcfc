/** Connections that servers close, limit or never had; a registry that goes away and comes back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { answerFrom } from '../../fixtures/registry/answers.js';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { cutAfter, on } from '../../fixtures/registry/faults.js';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { listen, startRegistry } from '../../fixtures/registry/registry.js';
import { pull } from '../../src/pull/pull.js';
import { checkFailure } from '../support/fault-pull.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { clientFor, contentsWith, opaqueImage, serve } from '../support/registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root');
const layer = (bytes: number) => tar(file('noise', '', { content: randomBytes(bytes) }));

describe('kept-alive connections', { concurrency: true }, () => {
  /** Answers one request on each connection, lets it stand, and resets it when the next request comes. */
  async function oneAnswerEach(t: TestContext, image: Image) {
    const answer = answerFrom(contentsWith(image));
    const heads: string[] = [];
    const server = createTcpServer((socket) => {
      let answered = false;
      socket.on('error', () => socket.destroy());
      socket.on('data', async (chunk: Buffer) => {
        const [method = '', url = ''] = chunk.toString('latin1').split(' ');
        heads.push(`${method} ${url}`);
        if (answered) return void socket.resetAndDestroy();
        answered = true;
        const question = { method, url: new URL(url, 'http://registry'), headers: {}, body: '' };
        const { status, headers, body } = await answer(question);
        const fields = Object.entries({ ...headers, 'content-length': body.length }).map(([k, v]) => `${k}: ${v}\r\n`);
        socket.write(`HTTP/1.1 ${status} OK\r\n${fields.join('')}\r\n`);
        if (method !== 'HEAD') socket.write(body);
      });
    });
    const port = await listen(server, '127.0.0.1');
    t.after(() => server.close());
    return { host: `127.0.0.1:${port}`, heads };
  }

  test('that end just as the next request is sent: another one, at once (R30)', async (t) => {
    const image = opaqueImage();
    // Plain http is found out on a connection of its own.
    const { host, heads } = await oneAnswerEach(t, image);
    const client = clientFor(t, host);
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    const started = performance.now();
    for (let i = 0; i < 30; i++) assert.deepEqual((await client.getManifest('1')).bytes, image.manifest.bytes);
    // No try was counted, and so none was waited for: a first wait is 190 ms at least.
    assert.ok(performance.now() - started < 30 * 190);
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    const asked = heads.filter((head) => head.includes('/v2/')).length;
    assert.ok(asked >= 62 && asked <= 64, `${asked} requests`);
  });

  test('are ended when nothing is asked for a while, and serve the next request otherwise', async (t) => {
    const image = opaqueImage();
    const answer = answerFrom(contentsWith(image));
    let connections = 0;
    let open = 0;
    const server = createServer(async ({ method = '', url }, response) => {
      const question = { method, url: new URL(url ?? '', 'http://registry'), headers: {}, body: '' };
      const { status, headers, body } = await answer(question);
      // Longer than an idle connection is kept.
      setTimeout(() => {
        response.writeHead(status, { ...headers, 'content-length': body.length });
        response.end(method === 'HEAD' ? undefined : body);
      }, 800);
    });
    server.keepAliveTimeout = 60_000;
    server.on('connection', (socket) => {
      connections++;
      open++;
      socket.on('close', () => open--);
    });
    const port = await listen(server, '127.0.0.1');
    t.after(() => server.close());
    const client = clientFor(t, `127.0.0.1:${port}`);
    await client.getManifest('1');
    const first = connections;
    for (let i = 0; i < 3; i++) await client.getManifest('1');
    assert.equal(connections, first, 'kept for the next request');
    for (let waited = 0; open > 0 && waited < 10_000; waited += 100) await delay(100);
    assert.equal(open, 0);
  });

  test('that a server limits to one request each', { skip }, async (t) => {
    const contents = emptyContents();
    const image = buildImage({ layers: Array.from({ length: 6 }, () => layer(600_000)), compression: 'none' });
    addImage(contents, 'lib/x', '1', image);
    const answer = answerFrom(contents);
    const server = createServer(async ({ method = '', url, headers }, response) => {
      const question = { method, url: new URL(url ?? '', 'http://registry'), headers, body: '' };
      const { status, headers: fields, body } = await answer(question);
      response.writeHead(status, { ...fields, 'content-length': body.length });
      response.end(method === 'HEAD' ? undefined : body);
    });
    server.maxRequestsPerSocket = 1;
    const port = await listen(server, '127.0.0.1');
    t.after(() => server.close());
    const root = join(tempDir(t), 'root');
    await pull(`127.0.0.1:${port}/lib/x:1`, { root });
    checkStore(root);
  });
});

describe('a registry', { concurrency: true, skip }, () => {
  test('that takes four connections at a time, and many pulls (R39)', async (t) => {
    const contents = emptyContents();
    const names = Array.from({ length: isLongForm ? 200 : 8 }, (_, i) => `lib/x${i}`);
    for (const name of names)
      addImage(contents, name, '1', buildImage({ layers: Array.from({ length: 5 }, () => layer(200_000)) }));
    const registry = await startRegistry({ contents });
    t.after(() => registry.close());
    // The fifth connection is closed without a word, as a full server does.
    let open = 0;
    let most = 0;
    let turnedAway = 0;
    const gate = createTcpServer((socket) => {
      if (open >= 4) {
        turnedAway++;
        socket.resetAndDestroy();
        return;
      }
      most = Math.max(most, ++open);
      const inner = connect(registry.port, '127.0.0.1');
      couple(socket, inner, () => open--);
    });
    const port = await listen(gate, '127.0.0.1');
    t.after(() => gate.close());
    const root = join(tempDir(t), 'root');
    for (let i = 0; i < names.length; i += 2)
      await Promise.all(
        names.slice(i, i + 2).map((name) => pull(`127.0.0.1:${port}/${name}:1`, { root, maxConcurrentDownloads: 1 })),
      );
    checkStore(root);
    assert.ok(most <= 4, `${most} connections, ${turnedAway} turned away`);
  });

  test('that restarts in the middle of a layer', async (t) => {
    const image = buildImage({ layers: [layer(3_000_000)], compression: 'none' });
    const contents = emptyContents();
    addImage(contents, 'lib/x', '1', image);
    const fault = on(/\/blobs\//, (question, answer, response) =>
      answer.body.length < 100_000 ? answer : cutAfter(1_000_000)(question, answer, response),
    );
    const first = await startRegistry({ contents, fault });
    const root = join(tempDir(t), 'root');
    let offset = 0;
    const restart = async () => {
      await first.close();
      const again = await startRegistry({ contents, port: first.port });
      t.after(() => again.close());
    };
    let restarted: Promise<void> | undefined;
    await pull(`${first.host}/lib/x:1`, {
      root,
      onEvent(event) {
        if (event.type !== 'retry') return;
        offset ||= event.offset;
        restarted ??= restart();
      },
    });
    await restarted;
    assert.ok(offset >= 900_000, `went on from ${offset}`);
    checkStore(root);
  });

  test('that goes away for good in the middle of a layer', async (t) => {
    const contents = emptyContents();
    addImage(contents, 'lib/x', '1', buildImage({ layers: [layer(3_000_000)], compression: 'none' }));
    const fault = on(/\/blobs\//, (question, answer, response) =>
      answer.body.length < 100_000 ? answer : cutAfter(1_000_000)(question, answer, response),
    );
    const registry = await startRegistry({ contents, fault });
    const started = performance.now();
    let gone: Promise<void> | undefined;
    const failure = await pull(`${registry.host}/lib/x:1`, {
      root: join(tempDir(t), 'root'),
      onEvent(event) {
        if (event.type === 'retry') gone ??= registry.close();
      },
    }).catch((error: unknown) => error);
    await gone;
    checkFailure(failure, { code: 'E_NETWORK', message: /connection refused|connection reset/ });
    assert.ok(performance.now() - started < 15_000);
  });

  test('by an IPv6 address, which is in the message', async (t) => {
    const image = opaqueImage();
    const registry = await serve(t, { image, address: '::1' });
    const client = clientFor(t, registry.host);
    assert.equal(await client.headManifest('1'), image.manifest.digest);
    await registry.close();
    const failure = await client.getManifest('1').catch((error: unknown) => error);
    checkFailure(failure, {
      code: 'E_NETWORK',
      message: /^GET "http:\/\/\[::1\]:\d+\/v2\/lib\/x\/manifests\/1": connection refused$/,
    });
  });
});

function couple(one: Socket, other: Socket, ended: () => void): void {
  one.pipe(other).pipe(one);
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.once('close', () => {
    other.destroy();
    ended();
  });
}
