/** Registries that misbehave while something is pushed: the push ends well or with a reason, and the data root stays as it was. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tagImage } from '../../src/images/tag.js';
import { importImage } from '../../src/import/import-image.js';
import { type PushedTag, push } from '../../src/push/push.js';
import type { PushEvent } from '../../src/push/push-event.js';
import { KnownError } from '../../store/errors.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { openForWriting } from '../../store/store.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { type Misbehaviour, type Seen, startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';

const skip = missing('root');
const layer = tar(file('random', '', { content: randomBytes(20_000_000) }));

interface Scene {
  root: string;
  registry: UploadRegistry;
  events: PushEvent[];
  push(more?: { stallTimeoutMs?: number; signal?: AbortSignal }): Promise<PushedTag[]>;
}

async function scene(t: TestContext, misbehaviour: Misbehaviour): Promise<Scene> {
  const dir = tempDir(t);
  const root = join(dir, 'data');
  writeFileSync(join(dir, 'layer.tar'), layer);
  const registry = await startUploadRegistry(t, misbehaviour);
  const name = `${registry.host}/x:1`;
  await importImage(join(dir, 'layer.tar'), name, { root });
  const events: PushEvent[] = [];
  const onEvent = (event: PushEvent) => events.push(event);
  return {
    ...{ root, registry, events },
    push: (more = {}) => push(name, { root, configDir: '/nonexistent', onEvent, ...more }),
  };
}

/** The blob is there, and unpacks to what was imported. */
function checkPushed({ registry, root }: Scene, [pushed]: PushedTag[]): void {
  assert.ok(pushed);
  const manifest = JSON.parse(registry.manifests.get('1')?.toString() ?? '{}');
  for (const { digest, size } of [manifest.config, ...manifest.layers])
    assert.equal(registry.blobs.get(digest)?.length, size);
  checkStore(root);
}

const ofMethod = ({ registry }: Scene, method: string): Seen[] =>
  registry.requests.filter((request) => request.method === method);

const fails = (error: unknown, code: string, text: RegExp): true => {
  assert.ok(error instanceof KnownError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};

const options = { skip, timeout: 60_000 };
const CUT = 5_000_000;

test('a stream that breaks goes on in chunks from where the registry is', options, async (t) => {
  // The config is a PATCH of its own, which is too small to be cut.
  const it = await scene(t, { cutPatchAfter: (count) => (count <= 2 ? CUT : undefined) });
  checkPushed(it, await it.push());
  const ranges = ofMethod(it, 'PATCH').flatMap(({ range }) => range ?? []);
  assert.match(ranges[0] ?? '', new RegExp(`^${CUT}-`));
  assert.ok(ofMethod(it, 'GET').length > 0);
});

test('a chunk that breaks is sent again from where the registry is', options, async (t) => {
  const cuts = new Map([
    [2, CUT],
    [3, 1_000_000],
    [4, 3],
  ]);
  const it = await scene(t, { cutPatchAfter: (count) => cuts.get(count) });
  checkPushed(it, await it.push());
  assert.ok(it.events.filter(({ type }) => type === 'retry').length >= 2);
});

test('an upload that the registry has forgotten begins again', options, async (t) => {
  const it = await scene(t, { forgets: true, cutPatchAfter: (count) => (count <= 3 ? CUT : undefined) });
  checkPushed(it, await it.push());
});

test('a registry that always breaks is given up, and has no manifest', options, async (t) => {
  const it = await scene(t, { forgets: true, cutPatchAfter: (count) => (count > 1 ? CUT : undefined) });
  const before = readRepositories(it.root);
  await assert.rejects(it.push(), (error) => fails(error, 'E_NETWORK', /connection reset|socket hang up|broken pipe/));
  assert.ok(ofMethod(it, 'PATCH').length <= 8);
  assert.equal(it.registry.manifests.size, 0);
  assert.deepEqual(readRepositories(it.root), before);
  checkStore(it.root);
});

const statusOnce = (method: string, status: number, headers: Record<string, string> = {}, times = 1): Misbehaviour => ({
  before({ count, request, response }) {
    if (request.method !== method || count > times) return false;
    request.resume();
    response.writeHead(status, headers);
    response.end();
    return true;
  },
});

for (const method of ['HEAD', 'POST', 'PATCH', 'PUT'])
  test(`${method} that fails passing`, options, async (t) => {
    const it = await scene(t, statusOnce(method, 503, {}, 2));
    checkPushed(it, await it.push());
  });

test('Retry-After is kept to, and a long one is not waited for', options, async (t) => {
  const short = await scene(t, statusOnce('POST', 429, { 'retry-after': '1' }));
  const began = performance.now();
  checkPushed(short, await short.push());
  assert.ok(performance.now() - began > 1000);
  const long = await scene(t, statusOnce('POST', 429, { 'retry-after': '3600' }));
  await assert.rejects(long.push(), (error) => fails(error, 'E_REGISTRY', /too ?many ?requests/i));
});

test('a request that is too large becomes several', options, async (t) => {
  const it = await scene(t, {
    async before({ request, response }) {
      if (request.method !== 'PATCH' || request.headers['content-range'] !== undefined) return false;
      response.writeHead(413, { connection: 'close' });
      response.end();
      return true;
    },
  });
  checkPushed(it, await it.push());
  assert.ok(ofMethod(it, 'PATCH').filter(({ range }) => range !== undefined).length >= 3);
});

test('another host that Location names gets the bytes and no credentials', options, async (t) => {
  const seen: (string | undefined)[] = [];
  let target = '';
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization);
    request.resume();
    request.on('end', () => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${target}/token"` });
      response.end();
    });
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const foreign = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  const it = await scene(t, { withTokens: true, location: (path) => `http://${foreign}${path}` });
  target = it.registry.host;
  await assert.rejects(it.push(), (error) => fails(error, 'E_DENIED', /./));
  assert.ok(seen.length > 0);
  assert.deepEqual(new Set(seen), new Set([undefined]));
});

for (const [what, location] of [
  ['a redirect of an upload', undefined],
  ['another scheme', 'ftp://127.0.0.1/x'],
  ['a password', 'http://u:p@127.0.0.1/x'],
  ['nothing', ''],
] as const)
  test(`${what} is not followed`, options, async (t) => {
    const it = await scene(t, {
      before({ request, response }) {
        const isRedirect = location === undefined && request.method === 'PATCH';
        if (!isRedirect && (location === undefined || request.method !== 'POST')) return false;
        request.resume();
        response.writeHead(isRedirect ? 307 : 202, { location: location ?? 'http://127.0.0.1:1/elsewhere' });
        response.end();
        return true;
      },
    });
    await assert.rejects(it.push(), (error) => fails(error, 'E_REGISTRY', /redirect|does not say/));
    assert.equal(it.registry.manifests.size, 0);
  });

test('a token that runs out on the way is renewed', options, async (t) => {
  let revoked = 0;
  const it = await scene(t, {
    withTokens: true,
    before({ request, registry }) {
      if (request.method === 'PATCH' && revoked++ < 2) registry.revokeTokens();
      return false;
    },
  });
  checkPushed(it, await it.push());
  assert.ok(it.registry.requests.filter(({ url }) => url.startsWith('/token')).length >= 2);
});

test('a registry that takes no bytes is given up', options, async (t) => {
  const it = await scene(t, { before: ({ request }) => request.method === 'PATCH' });
  await assert.rejects(it.push({ stallTimeoutMs: 300 }), (error) => fails(error, 'E_NETWORK', /takes no bytes/));
  checkStore(it.root);
});

test('a push can be cancelled', options, async (t) => {
  const abort = new AbortController();
  const it = await scene(t, {
    before({ request }) {
      if (request.method === 'PATCH') setTimeout(() => abort.abort(), 50);
      return request.method === 'PATCH';
    },
  });
  await assert.rejects(it.push({ signal: abort.signal }), (error) => fails(error, 'E_CANCELLED', /was cancelled/));
  checkStore(it.root);
});

test('a damaged layer is never pushed', options, async (t) => {
  const it = await scene(t, {});
  const [cache = ''] = readdirSync(join(it.root, 'overlay2')).filter((name) => name !== 'l');
  const damaged = join(it.root, 'overlay2', cache, 'diff/random');
  const { size } = statSync(damaged);
  const bytes = readFileSync(damaged);
  bytes.writeUInt8(bytes.readUInt8(size - 1) ^ 1, size - 1);
  writeFileSync(damaged, bytes);
  await assert.rejects(it.push(), (error) => fails(error, 'E_STORE', /is damaged: "random"/));
  truncateSync(damaged, 10);
  await assert.rejects(it.push(), (error) => fails(error, 'E_STORE', /is damaged: "random"/));
  assert.equal(it.registry.manifests.size, 0);
});

test('ten pushes at once', options, async (t) => {
  const it = await scene(t, {});
  for (let n = 0; n < 10; n++) {
    using store = await openForWriting(it.root);
    await tagImage(store, `${it.registry.host}/x:1`, `${it.registry.host}/x:t${n}`);
  }
  const all = await Promise.all(
    [...Array(10).keys()].map((n) => push(`${it.registry.host}/x:t${n}`, { root: it.root, configDir: '/nonexistent' })),
  );
  assert.equal(new Set(all.flat().map(({ digest }) => digest)).size, 1);
  checkStore(it.root);
});
