/** One layer over several connections: ranges that come in any order, and registries that do not answer for them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import {
  atFirst,
  cutAfter,
  ignoreRange,
  on,
  stallAfter,
  status,
  trickleChunks,
} from '../../fixtures/registry/faults.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { type Fault, type RegistryOptions, startRegistry } from '../../fixtures/registry/registry.js';
import { type PullOptions, pull } from '../../src/pull/pull.js';
import type { PullEvent } from '../../src/pull/pull-event.js';
import { KnownError } from '../../store/errors.js';
import { digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root');
const mebibyte = 1024 * 1024;
/** What one request asks for. */
const rangeBytes = 4 * mebibyte;
const connections = 3;
/** Five ranges and a bit. */
const image = buildImage({
  layers: [tar(file('noise', '', { content: randomBytes(21 * mebibyte) }))],
  compression: 'none',
});
const [layer = Buffer.alloc(0)] = image.layers;
const path = new RegExp(`/blobs/${digestOf(layer)}$`);
const allRanges = Math.ceil(layer.length / rangeBytes);

interface Scene {
  fault?: Fault;
  auth?: RegistryOptions['auth'];
  options?: PullOptions;
  root?: string;
}

async function serve(t: TestContext, { fault, auth }: Scene) {
  const served = await serveImage(t, { image, ...(fault && { fault: on(path, fault) }), ...(auth && { auth }) });
  const asked = () =>
    served.registry.requests.filter(({ url }) => path.test(url)).map(({ headers }) => headers['range'] ?? 'all');
  return { ...served, asked };
}

/** Pulls over three connections and checks what is in the store afterwards. */
async function pulled(t: TestContext, scene: Scene = {}) {
  const served = await serve(t, scene);
  const root = scene.root ?? join(tempDir(t), 'root');
  const events: PullEvent[] = [];
  const onEvent = (event: PullEvent) => events.push(event);
  await pull(served.name, { root, blobConnections: connections, onEvent, ...scene.options });
  checkStore(root);
  return { asked: served.asked(), events, sent: served.registry.sentBytes() };
}

const shifted: Fault = (_question, answer) => {
  const range = String(answer.headers['content-range'] ?? '').replace(
    /^bytes (\d+)/,
    (_, start) => `bytes ${+start + 1}`,
  );
  return { ...answer, headers: { ...answer.headers, 'content-range': range } };
};
const capped: Fault = (_question, answer) => {
  if (answer.status !== 206 || answer.body.length <= mebibyte) return answer;
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(String(answer.headers['content-range'])) ?? [];
  const contentRange = `bytes ${start}-${Number(start) + mebibyte - 1}/${total}`;
  return {
    ...answer,
    headers: { ...answer.headers, 'content-range': contentRange },
    body: answer.body.subarray(0, mebibyte),
  };
};
const inRange =
  (fault: Fault): Fault =>
  (question, answer, response) =>
    question.headers['range'] === undefined ? answer : fault(question, answer, response);
const limited =
  (fault: Fault): Fault =>
  (question, answer, response) =>
    /-\d+$/.test(String(question.headers['range'])) ? fault(question, answer, response) : answer;
const after =
  (count: number, fault: Fault): Fault =>
  (question, answer, response) =>
    count-- > 0 ? answer : fault(question, answer, response);
const longer: Fault = (_question, answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from('more')]) });

describe('one layer over several connections', { skip, concurrency: 2 }, () => {
  test('each range is asked for once, and all of them are the blob', async (t) => {
    const { asked, sent, events } = await pulled(t);
    assert.equal(asked.length, allRanges);
    assert.equal(new Set(asked).size, allRanges);
    assert.ok(asked.every((range) => /^bytes=\d+-\d+$/.test(range)));
    assert.ok(sent < layer.length * 1.01);
    const account = events.find((event) => event.type === 'account');
    assert.equal(account?.layers[0]?.endpoints[0]?.bytes, layer.length);
  });

  test('one connection, as ever, unless more are asked for', async (t) => {
    const { asked } = await pulled(t, { options: { blobConnections: 1 } });
    assert.deepEqual(asked, ['all']);
  });

  const lies: [what: string, fault: Fault, ranges: number][] = [
    ['takes no notice of them', ignoreRange(layer), 1],
    ['answers for other ones', inRange(shifted), 1],
    ['sends more than it says', inRange(longer), 1],
    ['refuses them', inRange(status(416)), 1],
    ['stops answering for them', limited(after(3, status(503))), 4],
  ];
  for (const [what, fault, ranges] of lies)
    test(`a registry that ${what}: one connection goes on`, async (t) => {
      const { asked } = await pulled(t, { fault });
      const ranged = asked.filter((range) => /-\d+$/.test(range));
      assert.ok(ranged.length >= ranges && ranged.length <= ranges + connections, asked.join());
      assert.equal(asked.length, ranged.length + 1, asked.join());
      assert.match(asked.at(-1) ?? '', ranges === 4 ? /^bytes=\d+-$/ : /^all$/);
    });

  test('a registry that sends other bytes than it says: found out, and asked without ranges', async (t) => {
    const { asked, events } = await pulled(t, {
      fault: inRange((_question, answer) => ({ ...answer, body: layer.subarray(0, answer.body.length) })),
    });
    assert.equal(asked.at(-1), 'all');
    assert.ok(events.some((event) => event.type === 'retry' && event.offset === 0));
  });

  test('a registry that cuts every MiB: each range goes on where it was', async (t) => {
    const { asked, sent, events } = await pulled(t, { fault: cutAfter(mebibyte) });
    assert.ok(
      asked.every((range) => /^bytes=\d+-\d+$/.test(range)),
      asked.join(),
    );
    assert.ok(asked.length <= layer.length / mebibyte + allRanges, `${asked.length} requests`);
    assert.ok(sent < layer.length * 1.02, `${sent} bytes for ${layer.length}`);
    assert.ok(events.some((event) => event.type === 'retry'));
  });

  test('a registry that brings at most 1 MiB at once', async (t) => {
    const { asked, sent } = await pulled(t, { fault: capped });
    assert.ok(asked.every((range) => /^bytes=\d+-\d+$/.test(range)));
    assert.ok(sent < layer.length * 1.02);
  });

  test('a connection that stalls in the middle of a range', async (t) => {
    const { asked } = await pulled(t, {
      fault: after(2, atFirst(1, stallAfter(mebibyte))),
      options: { stallTimeoutMs: 1000 },
    });
    assert.equal(asked.length, allRanges + 1);
    assert.ok(asked.every((range) => /^bytes=\d+-\d+$/.test(range)));
  });

  test('tokens that end in the middle', async (t) => {
    let revoke = () => {};
    let count = 0;
    const served = await serve(t, {
      auth: { kind: 'bearer' },
      fault: (_question, answer) => {
        if (answer.status === 206 && ++count % 2 === 0) revoke();
        return answer;
      },
    });
    revoke = () => served.registry.revokeTokens();
    const root = join(tempDir(t), 'root');
    await pull(served.name, { root, blobConnections: connections });
    checkStore(root);
    const asked = served.asked();
    assert.ok(
      asked.every((range) => /^bytes=\d+-\d+$/.test(range)),
      asked.join(),
    );
  });

  test('a mirror that lacks the layer: the registry is asked for ranges', async (t) => {
    const contents = emptyContents();
    addImage(contents, 'test/image', '1', image);
    contents.blobs.delete(digestOf(layer));
    const mirror = await startRegistry({ contents });
    t.after(() => mirror.close());
    const { asked, sent } = await pulled(t, { options: { mirrors: [mirror.url] } });
    assert.equal(asked.length, allRanges);
    assert.ok(sent < layer.length * 1.01);
    assert.equal(mirror.requests.filter(({ url }) => url.includes(digestOf(layer))).length, 2);
  });

  test('a login that ends in the middle: one clear failure, and nothing goes on behind it', async (t) => {
    let count = 0;
    const served = await serve(t, {
      auth: { kind: 'bearer' },
      fault: (question, answer) => {
        if (answer.status !== 206 || ++count < 4) return answer;
        const realm = `http://${question.headers['host']}/token-that-is-gone`;
        return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` }, body: Buffer.alloc(0) };
      },
    });
    const root = join(tempDir(t), 'root');
    await assert.rejects(pull(served.name, { root, blobConnections: connections }), KnownError);
    const before = served.asked().length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(served.asked().length, before);
    checkStore(root);
  });

  test('no more is held than the window: behind a range that does not come nothing is asked for', async (t) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const served = await serve(t, {
      fault: async (question, answer, response) => {
        if (question.headers['range'] !== `bytes=0-${rangeBytes - 1}`) return answer;
        response.writeHead(206, { ...answer.headers, 'content-length': answer.body.length });
        response.write(answer.body.subarray(0, 1000));
        await held;
        response.end(answer.body.subarray(1000));
        return undefined;
      },
    });
    const root = join(tempDir(t), 'root');
    const pulling = pull(served.name, { root, blobConnections: 2 });
    // Two connections, and twice as many ranges.
    while (served.asked().length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(served.asked().length, 4);
    release();
    await pulling;
    checkStore(root);
    assert.equal(served.asked().length, allRanges);
  });

  test('a pull that was cut off goes on where it was', async (t) => {
    const root = join(tempDir(t), 'root');
    const served = await serve(t, { fault: trickleChunks(256 * 1024, 20) });
    const stop = new AbortController();
    const onEvent = (event: PullEvent) => event.type === 'progress' && event.current > 8 * mebibyte && stop.abort();
    const options = { root, blobConnections: connections, onEvent };
    await assert.rejects(pull(served.name, { ...options, signal: stop.signal }), { code: 'E_CANCELLED' });
    const before = served.asked().length;
    await pull(served.name, { root, blobConnections: connections });
    checkStore(root);
    const [first = ''] = served.asked().slice(before);
    assert.ok(Number(/^bytes=(\d+)-/.exec(first)?.[1]) > 7 * mebibyte, first);
  });

  test('a registry that limits each connection: three are faster', async (t) => {
    const seconds = async (blobConnections: number) => {
      const began = performance.now();
      await pulled(t, { fault: trickleChunks(256 * 1024, 50), options: { blobConnections } });
      return (performance.now() - began) / 1000;
    };
    const [one, three] = [await seconds(1), await seconds(connections)];
    t.diagnostic(`${one} s and ${three} s`);
    assert.ok(three < one * 0.7, `${three} s instead of ${one} s`);
  });

  test('the limit on the rate holds for all of them together', async (t) => {
    const root = join(tempDir(t), 'root');
    const served = await serve(t, {});
    const began = performance.now();
    await pull(served.name, { root, blobConnections: connections, limitRate: 6 * mebibyte });
    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds > 3.1 && seconds < 15, `${seconds} s instead of 3.5`);
  });
});

test('the reference registry', { skip: missing('root', 'docker-registry') }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/x', '1', image);
  const root = join(tempDir(t), 'root');
  const { status: code, stderr } = await cli('tspull', root, ['--blob-connections=4', `${registry.host}/lib/x:1`]);
  assert.equal(code, 0, stderr);
  checkStore(root);
  assert.equal(registry.log().split(`blobs/${digestOf(layer)}"`).length - 1 >= allRanges, true);
});
