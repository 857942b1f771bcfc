/** A socket that says it is a Docker daemon: whatever it answers, the pull ends, says so, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadIntoDaemon } from '../../src/pull/load-into-daemon.js';
import { tryAcquire } from '../../store/fs/lock.js';
import { idOf, one } from '../support/archive-fixture.js';
import { bundledProgram, cli } from '../support/cli.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root');
const timeout = 60_000;

async function listen(t: TestContext, answer: RequestListener): Promise<string> {
  const socket = join(tempDir(t), 'docker.sock');
  const server = createServer(answer);
  server.listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

interface Script {
  info?: unknown;
  load: (request: IncomingMessage, response: ServerResponse) => void;
  inspect?: unknown;
}

/** A root that a daemon seems to work on, and that daemon. */
async function handOver(t: TestContext, { info, load, inspect = { Id: idOf(one) } }: Script) {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  mkdirSync(join(root, 'volumes'), { recursive: true });
  const lock = tryAcquire(join(root, 'volumes/metadata.db'), 'exclusive');
  t.after(() => lock?.release());
  const socket = await listen(t, (request, response) => {
    if (request.url === '/info') response.end(JSON.stringify(info ?? { DockerRootDir: root }));
    else if (request.method === 'POST') load(request, response);
    else response.end(JSON.stringify(inspect));
  });
  const archive = join(folder, 'image.tar');
  writeFileSync(archive, packFiles(savedFiles({ image: one, tags: ['one:1'] })));
  const result = await cli('tspull', root, ['--via-daemon', '-q', `docker-archive:${archive}`], {
    env: { DOCKER_HOST: `unix://${socket}`, TMPDIR: folder },
  });
  assert.deepEqual(readdirSync(root), ['volumes'], 'the root was written behind the daemon');
  assert.deepEqual(readdirSync(folder).sort(), ['image.tar', 'root'], 'something was left behind');
  return result;
}

/** Reads all of it first. */
const after =
  (text: string): Script['load'] =>
  (request, response) => {
    request.resume().on('end', () => response.end(text));
  };

const refuse = (response: ServerResponse): void => {
  response.writeHead(500).end('{"message":"not today"}');
};

const lies: [what: string, script: Script, message: RegExp][] = [
  [
    'works on another root',
    { info: { DockerRootDir: '/somewhere' }, load: after('') },
    /works on "\/somewhere", but another one on/,
  ],
  ['does not tell its root', { info: [], load: after('') }, /works on "no root that it tells"/],
  [
    'says that it failed',
    { load: after('{"stream":"x"}\n{"errorDetail":{},"error":"no\\u001b[2Jspace"}\n') },
    /cannot load the image: no\\x1b\[2Jspace/,
  ],
  ['talks nonsense', { load: after('<html>\n') }, /answers with what is no JSON: <html>/],
  [
    'refuses',
    { load: (request, response) => request.resume().on('end', () => refuse(response)) },
    /status 500: not today/,
  ],
  [
    // Whether its words are read before the pipe breaks is a matter of luck.
    'refuses at once',
    { load: (_, response) => refuse(response) },
    /status 500: not today|cannot reach the Docker daemon/,
  ],
  ['goes away', { load: (request) => void request.socket.destroy() }, /cannot reach the Docker daemon/],
  [
    'goes away in its answer',
    {
      load: (request, response) =>
        void request.resume().on('end', () => {
          response.write('{"stream":"x"}\n');
          setImmediate(() => response.destroy());
        }),
    },
    /cannot reach the Docker daemon/,
  ],
  [
    'has loaded something else',
    { load: after('{"stream":"ok"}'), inspect: { Id: `sha256:${'0'.repeat(64)}` } },
    /says that it has loaded docker\.io\/library\/one:1, but has sha256:0{64} under that name/,
  ],
  [
    'has loaded nothing',
    { load: after(''), inspect: {} },
    /says that it has loaded docker\.io\/library\/one:1, but has no image under that name/,
  ],
  [
    'speaks a line without end',
    {
      load: (_, response) => {
        const more = () => {
          while (response.write('x'.repeat(65536)));
        };
        response.on('drain', more);
        more();
      },
    },
    /answers without end/,
  ],
];

for (const [what, script, message] of lies)
  test(`a daemon that ${what}`, { skip, timeout }, async (t) => {
    const { status, stdout, stderr } = await handOver(t, script);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /bug in tspull|\u001b/);
  });

test('a daemon that reads nothing, and one that never answers', { timeout }, async (t) => {
  const signal = new AbortController().signal;
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024));
  for (const answer of [() => undefined, (request: IncomingMessage) => void request.resume()]) {
    const socket = await listen(t, answer);
    await assert.rejects(loadIntoDaemon({ socket, pieces, signal, idleMs: 500 }), {
      code: 'E_NETWORK',
      message: /nothing happened for 0.5 s/,
    });
  }
});

test('interrupted while the daemon reads: nothing is left behind', { skip, timeout }, async (t) => {
  const folder = tempDir(t);
  let interrupt = (): void => undefined;
  const socket = await listen(t, (request, response) => {
    if (request.method === 'POST') interrupt();
    else response.end(JSON.stringify({ DockerRootDir: folder }));
  });
  const archive = join(folder, 'image.tar');
  writeFileSync(archive, packFiles(savedFiles({ image: one, tags: ['one:1'] })));
  const env = { ...process.env, TSPULL_ROOT: '', DOCKER_HOST: `unix://${socket}`, TMPDIR: folder };
  const args = [bundledProgram('tspull'), '--via-daemon', '-q', `docker-archive:${archive}`];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  interrupt = () => child.kill('SIGINT');
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const [status] = await once(child, 'close');
  assert.equal(status, 130, said);
  assert.match(said, /handing images over to the Docker daemon was cancelled/);
  assert.deepEqual(readdirSync(folder), ['image.tar']);
});

test('cancelled while the daemon reads', { timeout }, async (t) => {
  const abort = new AbortController();
  const socket = await listen(t, (request) => request.once('data', () => abort.abort()));
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024));
  await assert.rejects(loadIntoDaemon({ socket, pieces, signal: abort.signal }), { name: 'AbortError' });
});
