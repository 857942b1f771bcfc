/** `--json` and `--timings`: what a pull tells, and where its time went. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeAuthority, makeCertificate } from '../../../fixtures/registry/certificates.js';
import { addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { atFirst, cutAfter, on, stallAfter, trickleChunks } from '../../../fixtures/registry/faults.js';
import { buildImage } from '../../../fixtures/registry/image.js';
import { type Fault, startRegistry } from '../../../fixtures/registry/registry.js';
import { spentKeys } from '../../../src/pull/account.js';
import type { PullEvent } from '../../../src/pull/pull-event.js';
import { cli } from '../../support/cli.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');
const noise = (bytes: number) => tar(file('noise', '', { content: randomBytes(bytes) }));
const eventsOf = (stdout: string): PullEvent[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

function ofType<T extends PullEvent['type']>(events: PullEvent[], type: T): (PullEvent & { type: T })[] {
  return events.filter((event): event is PullEvent & { type: T } => event.type === type);
}

test('a slow pull: version first, bytes, totals, rates, then the account and the end', { skip }, async (t) => {
  const { name, image, registry } = await serveImage(t, {
    layers: [noise(3_000_000), noise(50_000)],
    compression: 'none',
    fault: on(/\/blobs\//, trickleChunks(100_000, 50)),
  });
  const { status, stdout, stderr } = await cli('tspull', join(tempDir(t), 'root'), ['--json', name]);
  assert.equal(status, 0, stderr);
  const events = eventsOf(stdout);
  const [first] = events;
  assert.deepEqual(first, { type: 'start', version: 1, name, reference: name, platform: null, pull: 0, ms: 0 });
  const sizes = image.layers.map(({ length }) => length);
  const size = sizes.reduce((sum, length) => sum + length, 0);
  for (const { index, total, rate } of ofType(events, 'progress')) {
    assert.equal(total, sizes[index]);
    assert.ok(rate >= 0 && rate < 20_000_000, `${rate} bytes a second`);
  }
  assert.ok(ofType(events, 'progress').some(({ rate }) => rate > 500_000 && rate < 4_000_000));
  const totals = ofType(events, 'total');
  assert.ok(totals.some(({ rate, etaMs, current }) => rate > 500_000 && (etaMs ?? 0) > 0 && current < size));
  const last = totals.at(-1);
  assert.deepEqual([last?.current, last?.total], [size, size]);
  const downloading = ofType(events, 'layer').filter((event) => event.status === 'downloading');
  for (const { endpoint } of downloading) assert.match(endpoint ?? '', new RegExp(`://${registry.host}/`));
  const [account] = ofType(events, 'account');
  assert.ok(account);
  assert.deepEqual(
    account.layers.map(({ index, bytes }) => [index, bytes]),
    sizes.map((length, index) => [index, length]),
  );
  for (const { endpoints, bytes } of account.layers) assert.equal(endpoints[0]?.bytes, bytes);
  for (const key of spentKeys) {
    const sum = account.layers.reduce((all, layer) => all + layer[key], 0);
    assert.ok(Math.abs(account.total[key] - sum) < 0.001, key);
  }
  assert.equal(account.constraint.kind, 'network');
  assert.match(account.constraint.text, /^network \(\d+ %\): layers waited for bytes/);
  assert.ok(account.total.transferMs > 1000, `${account.total.transferMs} ms of transfer`);
  const [done] = ofType(events, 'done');
  assert.equal(done?.upToDate, false);
  assert.ok(events.every((event, at) => event.ms >= (events[at - 1]?.ms ?? 0)));
});

test('each layer: what it was waited for and worked on is its time', { skip }, async (t) => {
  const { name } = await serveImage(t, {
    layers: [noise(2_000_000)],
    fault: on(/\/blobs\//, trickleChunks(200_000, 100)),
  });
  const { stdout } = await cli('tspull', join(tempDir(t), 'root'), ['--json', name]);
  const [account] = ofType(eventsOf(stdout), 'account');
  assert.ok(account);
  const spent = spentKeys.reduce((sum, key) => sum + account.total[key], 0);
  const known = account.wallMs - account.resolveMs;
  // The start of a thread and the commit of the image are nobody's.
  assert.ok(spent <= known * 1.02 && spent > known * 0.4, `${spent} of ${known} ms`);
});

test('a retry is told, and what it did not bring again', { skip }, async (t) => {
  const { name } = await serveImage(t, {
    layers: [noise(800_000)],
    compression: 'none',
    fault: on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 10_000) return answer;
      return cutOnce(question, answer, response);
    }),
  });
  const { status, stdout } = await cli('tspull', join(tempDir(t), 'root'), ['--json', name]);
  assert.equal(status, 0);
  const events = eventsOf(stdout);
  const [retry] = ofType(events, 'retry');
  assert.ok(retry && retry.offset > 0 && retry.delayMs >= 0);
  const [account] = ofType(events, 'account');
  assert.equal(account?.layers[0]?.bytes, ofType(events, 'progress')[0]?.total);
});
const cutOnce = atFirst(1, cutAfter(300_000));

test('a stall is accounted for as one', { skip }, async (t) => {
  const { name } = await serveImage(t, {
    layers: [noise(800_000)],
    compression: 'none',
    fault: on(/\/blobs\//, (question, answer, response) => {
      if (answer.body.length < 10_000) return answer;
      stallAfter(300_000)(question, answer, response);
      setTimeout(() => response.end(answer.body.subarray(300_000)), 2000);
      return undefined;
    }),
  });
  const { stdout } = await cli('tspull', join(tempDir(t), 'root'), ['--json', name]);
  const [account] = ofType(eventsOf(stdout), 'account');
  const { stallMs = 0, transferMs = 0 } = account?.layers[0] ?? {};
  assert.ok(stallMs > 1000 && transferMs < stallMs, `${stallMs} and ${transferMs} ms`);
});

test('a failure is an event, too, and the status tells', { skip }, async (t) => {
  const { name, registry } = await serveImage(t, { layers: [noise(1000)] });
  const gone = `${registry.host}/test/gone:1`;
  const root = join(tempDir(t), 'root');
  const { status, stdout } = await cli('tspull', root, ['--json', gone, name]);
  assert.equal(status, 1);
  const events = eventsOf(stdout);
  const [failed] = ofType(events, 'failed');
  assert.deepEqual([failed?.pull, failed?.code, failed?.reference], [0, 'E_NOT_FOUND', gone]);
  assert.equal(ofType(events, 'done')[0]?.pull, 1);
});

test('a process that waits for another one says so', { skip }, async (t) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { name, registry, layerRequests } = await serveImage(t, {
    layers: [noise(700_000)],
    compression: 'none',
    fault: on(/\/blobs\//, async (_question, answer) => {
      if (answer.body.length > 10_000) await held;
      return answer;
    }),
  });
  const root = join(tempDir(t), 'root');
  const fetching = cli('tspull', root, ['-q', name]);
  while (layerRequests().length === 0) await delay(20);
  const waiting = cli('tspull', root, ['--json', '--timings', name]);
  const configs = () => registry.requests.filter(({ url }) => /\/blobs\//.test(url)).length - layerRequests().length;
  while (configs() < 2) await delay(20);
  await delay(2000);
  release();
  assert.equal((await fetching).status, 0);
  const { stdout, stderr } = await waiting;
  const [account] = ofType(eventsOf(stdout), 'account');
  assert.equal(account?.constraint.kind, 'other process', stdout);
  assert.match(stderr, /ELSEWHERE[\s\S]*Bound by other process \(\d+ %\)/);
});

test('--timings is a table on standard error; an image that is up to date has none', { skip }, async (t) => {
  const { name, image, registry } = await serveImage(t, { layers: [noise(700_000), noise(20_000)] });
  const root = join(tempDir(t), 'root');
  const { status, stdout, stderr } = await cli('tspull', root, ['--timings', name]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `${name}\n`);
  const lines = stderr.split('\n');
  assert.match(stderr, /^ +LAYER +SIZE +UNPACKED .*TRANSFER .*APPLY/m);
  assert.equal(lines.filter((line) => /^ *[0-9a-f]{12} +\S+B +\S+B( +\d+)+$/.test(line)).length, image.layers.length);
  assert.match(stderr, new RegExp(`^Received \\S+B from https?://${registry.host}/`, 'm'));
  assert.match(stderr, /^Bound by \w.*\.$/m);
  assert.doesNotMatch((await cli('tspull', root, ['--timings', name])).stderr, /LAYER/);
});

test('names, handshakes and heads of answers have times of their own', {
  skip: missing('root', 'openssl'),
}, async (t) => {
  const authority = makeAuthority(tempDir(t));
  const contents = emptyContents();
  addImage(contents, 'test/image', '1', buildImage({ layers: [noise(900_000)], compression: 'none' }));
  const slowHead: Fault = async (_question, answer) => {
    if (answer.body.length > 10_000) await delay(300);
    return answer;
  };
  const tls = makeCertificate(authority, 'server', ['DNS:localhost']);
  const registry = await startRegistry({ contents, tls, fault: on(/\/blobs\//, slowHead) });
  t.after(() => registry.close());
  const args = ['--json', '--ca', authority.caFile, `localhost:${registry.port}/test/image:1`];
  const { status, stdout, stderr } = await cli('tspull', join(tempDir(t), 'root'), args);
  assert.equal(status, 0, stderr);
  const [account] = ofType(eventsOf(stdout), 'account');
  const { dnsMs = 0, connectMs = 0, tlsMs = 0, firstByteMs = 0 } = account?.layers[0] ?? {};
  assert.ok(dnsMs > 0 && connectMs > 0 && tlsMs > 0, `${dnsMs}, ${connectMs}, ${tlsMs} ms`);
  assert.ok(firstByteMs > 250, `${firstByteMs} ms`);
});

test('with several names each table has its name', { skip }, async (t) => {
  const [a, b] = [await serveImage(t, { layers: [noise(1000)] }), await serveImage(t, { layers: [noise(1000)] })];
  const { stderr } = await cli('tspull', join(tempDir(t), 'root'), ['-q', '--timings', a.name, b.name]);
  const headings = stderr.split('\n').filter((line) => line === a.name || line === b.name);
  assert.deepEqual(headings, [a.name, b.name]);
});
