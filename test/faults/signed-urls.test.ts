/** Layers behind redirects to a store of blobs, whose URLs are good for a moment only. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { endless, inTurn, redirectTo, status } from '../../fixtures/registry/faults.js';
import type { Fault } from '../../fixtures/registry/registry.js';
import { expectPull, type Outcome } from '../support/fault-pull.js';
import { listenFor } from '../support/listener.js';
import { missing } from '../support/needs.js';

interface Store {
  /** Bytes that an answer brings before it breaks off. */
  cutAfter: number;
  /** Signatures that are refused, by their number from 1, besides those that were used before. */
  refuses: (signature: number) => boolean;
  /** How it refuses. */
  code: number;
}

/** A registry that redirects each request for the layer to a URL that may be used once. */
async function behind(t: TestContext, { cutAfter, refuses, code }: Store, outcome: Outcome, bytes = 3 * 1024 * 1024) {
  let blob: Buffer = Buffer.alloc(0);
  const used = new Set<number>();
  const store = await listenFor(t, (response, url, { headers }) => {
    const signature = Number(new URL(url, 'http://store').searchParams.get('signature'));
    if (used.has(signature) || refuses(signature)) return void response.writeHead(code).end('<Error>Expired</Error>');
    used.add(signature);
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${blob.length - 1}/${blob.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': blob.length - start, ...(start > 0 && range) });
    response.write(blob.subarray(start, start + cutAfter), () => response.socket?.destroySoon());
  });
  let signatures = 0;
  const redirect = (layer: Buffer): Fault => {
    blob = layer;
    return (...all) => redirectTo(`${store.url}/layer?signature=${++signatures}`)(...all);
  };
  await expectPull(t, { bytes, blob: redirect, auth: { kind: 'bearer' } }, outcome);
  assert.ok(store.seen.every(({ headers }) => headers.authorization === undefined));
  return store;
}

const never = () => false;

describe('signed URLs', { concurrency: true, skip: missing('root') }, () => {
  test('every part of a layer by a URL of its own', async (t) => {
    const store = await behind(t, { cutAfter: 1024 * 1024, refuses: never, code: 403 }, { requests: 4 });
    assert.equal(store.seen.length, 4);
  });

  for (const code of [400, 401, 403, 410])
    test(`one that has expired in the middle (${code}): the registry gives another`, async (t) => {
      const refuses = (signature: number) => signature === 2;
      await behind(t, { cutAfter: 2 * 1024 * 1024, refuses, code }, { requests: 3 });
    });

  test('none that is any good', async (t) => {
    const denied: Outcome = { code: 'E_DENIED', message: /error parsing HTTP 403 response body.*Expired/, atMost: 5 };
    const store = await behind(t, { cutAfter: 1024, refuses: () => true, code: 403 }, denied);
    assert.equal(store.seen.length, 5);
  });

  test('one that the store does not know is not asked for again', async (t) => {
    const missing404: Outcome = { code: 'E_NOT_FOUND', message: /404/, atMost: 2 };
    const store = await behind(t, { cutAfter: 1024, refuses: () => true, code: 404 }, missing404);
    assert.equal(store.seen.length, 1);
  });
});

const refused = (message: RegExp): Outcome => ({ code: 'E_REGISTRY', message, atMost: 1 });
/** Location, outcome */
const tricks: [string, Outcome][] = [
  ['file:///etc/passwd', refused(/to "file:", which is neither http nor https/)],
  ['unix:/var/run/docker.sock:/x', refused(/to "unix:"/)],
  ['http://me:hunter2@127.0.0.1:1/x', refused(/with a user or password in it/)],
  ['http:/\\evil.test', refused(/forbidden characters/)],
  ['?again', { code: 'E_REGISTRY', message: /in a circle/, atMost: 2 }],
  ['', refused(/without saying where/)],
];

describe('redirects', { concurrency: true, skip: missing('root') }, () => {
  for (const [location, outcome] of tricks)
    test(`of a layer to ${location || 'nowhere'} (R15, R16)`, async (t) => {
      await expectPull(t, { blob: () => redirectTo(location) }, outcome);
    });

  test('with a body that has no end', async (t) => {
    const store = await listenFor(t, (response) => response.writeHead(404).end());
    const fault: Fault = (...all) => inTurn(status(307, { location: `${store.url}/x` }, 'x'), endless)(...all);
    await expectPull(t, { blob: () => fault }, { code: 'E_NOT_FOUND', message: /./, atMost: 1 });
  });
});
