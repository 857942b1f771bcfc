/** The one request that a pull which finds everything up to date makes. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { listen } from '../../../fixtures/registry/registry.js';
import { claimedDigest, digestIn } from '../../../src/registry/claimed-digest.js';
import { digestOf } from '../../../store/oci/digest.js';
import { opaqueImage, repository, serve } from '../../support/registry.js';

const digest = digestOf('anything');
const claim = `Docker-Content-Digest: ${digest}`;
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

async function tcp(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${await listen(server, '127.0.0.1')}`;
}

const ask = (domain: string, meanwhile = () => {}) => claimedDigest({ domain, path: repository }, '1', meanwhile);

test('a registry is believed, and works while something else is done', async (t) => {
  const image = opaqueImage();
  const registry = await serve(t, { image });
  let done = 0;
  assert.equal(await ask(`127.0.0.1:${registry.port}`, () => done++), digestOf(image.manifest.bytes));
  assert.equal(await ask(`localhost:${registry.port}`, () => done++), digestOf(image.manifest.bytes));
  assert.equal(done, 2);
  assert.deepEqual(
    registry.requests.map(({ method, url, headers }) => [method, url, headers.authorization]),
    [
      ['HEAD', `/v2/${repository}/manifests/1`, undefined],
      ['HEAD', `/v2/${repository}/manifests/1`, undefined],
    ],
  );
});

test('what fails meanwhile is told', async (t) => {
  const { port } = await serve(t);
  const failure = new Error('meanwhile');
  const asking = ask(`127.0.0.1:${port}`, () => {
    throw failure;
  });
  await assert.rejects(asking, failure);
});

test('other hosts, and ports that are not named, are not asked', async () => {
  for (const domain of ['127.0.0.1', '203.0.113.1:5000', 'localhost.example:5000', '127.0.0.1:0', '127.0.0.1:65536'])
    assert.equal(await ask(domain, () => assert.fail('it was asked')), undefined);
});

test('silence, an end, a reset and a closed port are no answer', async (t) => {
  assert.equal(await ask(await tcp(t, () => undefined)), undefined);
  assert.equal(await ask(await tcp(t, (socket) => socket.end())), undefined);
  assert.equal(await ask(await tcp(t, (socket) => socket.end(`HTTP/1.1 200 OK\r\n${claim}\r\n`))), undefined);
  assert.equal(await ask(await tcp(t, (socket) => socket.resetAndDestroy())), undefined);
  const gone = createServer();
  const port = await listen(gone, '127.0.0.1');
  await new Promise((resolve) => gone.close(resolve));
  assert.equal(await ask(`127.0.0.1:${port}`), undefined);
});

test('a head that goes on for ever, fast or slowly, is given up', async (t) => {
  const forever = (everyMs: number, line: string) => (socket: Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${claim}\r\n`);
    const timer = setInterval(() => socket.write(line), everyMs);
    socket.once('close', () => clearInterval(timer));
  };
  assert.equal(await ask(await tcp(t, forever(1, `X: ${'x'.repeat(10_000)}\r\n`))), undefined);
  assert.equal(await ask(await tcp(t, forever(50, 'X: x\r\n'))), undefined);
});

test('only the plainest answer counts', () => {
  assert.equal(digestIn(head('HTTP/1.1 200 OK', claim)), digest);
  assert.equal(digestIn(head('HTTP/1.0 200', 'A: b', claim.toLowerCase(), 'C:')), digest);
  const refused: Record<string, string> = {
    'no end': `HTTP/1.1 200 OK\r\n${claim}\r\n`,
    'line feeds alone': `HTTP/1.1 200 OK\n${claim}\n\n\r\n\r\n`,
    'another status': head('HTTP/1.1 401 Unauthorized', claim),
    'a redirect': head('HTTP/1.1 307 Temporary Redirect', 'Location: /', claim),
    'a longer status': head('HTTP/1.1 2000', claim),
    'another protocol': head('HTTP/2 200 OK', claim),
    'no HTTP': `\x15\x03\x01${head('', claim)}`,
    'an empty answer': '',
    'nothing claimed': head('HTTP/1.1 200 OK', 'Content-Length: 0'),
    'two claims': head('HTTP/1.1 200 OK', claim, claim),
    'a claim that goes on': head('HTTP/1.1 200 OK', 'Docker-Content-Digest:', ` ${digest}`),
    'a space in front of the colon': head('HTTP/1.1 200 OK', claim.replace(':', ' :')),
    'a header without a colon': head('HTTP/1.1 200 OK', claim, 'what'),
    'a carriage return in a line': head('HTTP/1.1 200 OK', `A: \r${claim}`),
    'a short digest': head('HTTP/1.1 200 OK', claim.slice(0, -1)),
    'another algorithm': head('HTTP/1.1 200 OK', `Docker-Content-Digest: md5:${'0'.repeat(32)}`),
    'a claim in the body': `HTTP/1.1 200 OK\r\n\r\n${claim}\r\n\r\n`,
  };
  for (const [what, answer] of Object.entries(refused)) assert.equal(digestIn(answer), undefined, what);
});
