/** The daemon's side played by a server on a socket; test/e2e/archives-docker.test.ts has a real one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type PullOptions, pull } from '../../../../src/pull/pull.js';
import { daemonSocket, parseDaemonImage } from '../../../../src/pull/sources/docker-daemon.js';
import { idOf, one } from '../../../support/archive-fixture.js';
import { packFiles, savedFiles } from '../../../support/image-archives.js';
import { missing } from '../../../support/needs.js';
import { checkStore } from '../../../support/store-state.js';
import { tempDir } from '../../../support/temp.js';

const skip = missing('root');
const archive = packFiles(savedFiles({ image: one, tags: ['one:1'] }));

interface Daemon {
  root: string;
  asked: string[];
  pull: (name: string, options?: PullOptions) => ReturnType<typeof pull>;
}

async function daemon(t: TestContext, answer: RequestListener): Promise<Daemon> {
  const folder = tempDir(t);
  const socket = join(folder, 'docker.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const before = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = `unix://${socket}`;
  t.after(() => {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
  });
  const root = join(folder, 'root');
  return { root, asked, pull: (name, options) => pull(`docker-daemon:${name}`, { root, ...options }) };
}

const json =
  (status: number, value: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
/** Tells the id, and saves what it is given. */
const saves =
  (save: RequestListener): RequestListener =>
  (request, response) =>
    (request.url?.endsWith('/json') ? json(200, { Id: idOf(one) }) : save)(request, response);

test('an image is asked for by its name, and only once', { skip }, async (t) => {
  const peer = await daemon(
    t,
    saves((_, response) => void response.end(archive)),
  );
  const pulled = await peer.pull('one:1');
  assert.deepEqual([pulled.reference, pulled.id, pulled.upToDate], ['docker.io/library/one:1', idOf(one), false]);
  checkStore(peer.root);
  assert.equal((await peer.pull('docker.io/library/one:1')).upToDate, true);
  assert.deepEqual(peer.asked, ['/images/one:1/json', '/images/get?names=one%3A1', '/images/one:1/json']);
  assert.equal((await peer.pull(idOf(one))).names.length, 0);
  assert.equal(peer.asked.length, 4);
});

test('what it answers instead of an archive', { skip }, async (t) => {
  const answers: [answer: RequestListener, code: string, message: RegExp][] = [
    [json(404, { message: 'No such image: one:1' }), 'E_NOT_FOUND', /status 404: No such image: one:1$/],
    [json(500, { message: 'broken\u001b[2J' }), 'E_REGISTRY', /status 500: broken\\x1b\[2J$/],
    [(_, response) => void response.writeHead(503).end('<html>'), 'E_REGISTRY', /status 503: <html>$/],
    [saves(json(500, null)), 'E_REGISTRY', /status 500: null$/],
    [saves((_, response) => void response.end('')), 'E_ARCHIVE', /empty/],
    [saves((_, response) => void response.end(archive.subarray(0, 5000))), 'E_ARCHIVE', /cut off/],
    [saves((_, response) => void response.end(`${' '.repeat(600)}{"message":"disk"}`)), 'E_ARCHIVE', /not a valid/],
    [
      saves((_, response) => {
        response.writeHead(200, { 'content-length': archive.length });
        response.write(archive.subarray(0, 5000), () => response.destroy());
      }),
      'E_ARCHIVE',
      /cannot read "docker-daemon:one:1" to its end/,
    ],
    [
      saves((_, response) => void response.end(packFiles(savedFiles({ image: one, tags: ['other:1'] })))),
      'E_NOT_FOUND',
      /no image one:1/,
    ],
    [(_, response) => void response.end('not json'), 'E_ARCHIVE', /./],
    [(_, response) => void response.end(`{"Id": ${'['.repeat(1000)}`), 'E_ARCHIVE', /./],
  ];
  for (const [answer, code, message] of answers) {
    const peer = await daemon(t, answer);
    await assert.rejects(peer.pull('one:1'), { code, message });
    if (!existsSync(peer.root)) continue;
    checkStore(peer.root);
    assert.deepEqual(readdirSync(join(peer.root, 'image/overlay2/imagedb/content/sha256')), []);
  }
});

test('a daemon that never answers is left when the pull is cancelled', { skip }, async (t) => {
  const silent: RequestListener = () => undefined;
  const half: RequestListener = (_, response) => void response.write(archive.subarray(0, 5000));
  for (const answer of [silent, saves(silent), saves(half)]) {
    const abort = new AbortController();
    const peer = await daemon(t, (request, response) => {
      answer(request, response);
      if (answer === silent || !request.url?.endsWith('/json')) setImmediate(() => abort.abort());
    });
    await assert.rejects(peer.pull('one:1', { signal: abort.signal }), { code: 'E_CANCELLED' });
    if (existsSync(peer.root)) checkStore(peer.root);
  }
});

test('no daemon', async (t) => {
  const peer = await daemon(t, json(200, {}));
  process.env['DOCKER_HOST'] = `unix://${peer.root}.sock`;
  await assert.rejects(peer.pull('one:1'), {
    code: 'E_NETWORK',
    message: /cannot reach the Docker daemon at unix:.*ENOENT/,
  });
});

test('names and addresses', () => {
  const query = (text: string) => parseDaemonImage(text).query;
  assert.equal(query('busybox'), 'busybox:latest');
  assert.equal(query('docker.io/library/busybox:1'), 'busybox:1');
  assert.deepEqual(parseDaemonImage(idOf(one)), { query: idOf(one), name: undefined });
  assert.deepEqual(parseDaemonImage(`x@${idOf(one)}`), { query: `x@${idOf(one)}`, name: undefined });
  assert.throws(() => query('../../containers'), { code: 'E_REFERENCE' });
  assert.throws(() => query('x/json?a=b'), { code: 'E_REFERENCE' });
  assert.equal(daemonSocket({}), '/var/run/docker.sock');
  assert.equal(daemonSocket({ DOCKER_HOST: 'unix:///x/y.sock' }), '/x/y.sock');
  for (const host of ['tcp://127.0.0.1:2375', 'ssh://host', 'npipe:////./pipe'])
    assert.throws(() => daemonSocket({ DOCKER_HOST: host }), { code: 'E_UNSUPPORTED' });
});
