/** A pull that is killed again and again: what was downloaded is not downloaded again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { on, trickleChunks } from '../../fixtures/registry/faults.js';
import type { RunningRegistry } from '../../fixtures/registry/registry.js';
import { openPartialBlob } from '../../store/layers/partial-blob.js';
import { digestOf } from '../../store/oci/digest.js';
import { bundledProgram, cli } from '../support/cli.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root');
const layers = [5_000_000, 2_500_000, 200_000, 70_000].map((size, at) =>
  tar(file(`f${at}`, '', { content: randomBytes(size) })),
);
const blobs = /\/blobs\//;
/** About 2 MB/s for each connection: there is time to kill, and a busy machine keeps up. */
const slowly = on(blobs, trickleChunks(32 * 1024, 15));
/** What a killed process had been sent and did not get to write, for each of its connections. */
const BUFFERS = 2 * 256 * 1024;

const sizeOf = (blobs: readonly Buffer[]): number => blobs.reduce((sum, { length }) => sum + length, 0);

/** Starts a pull and ends it with a signal once the registry has sent so many bytes more. True when it ended before. */
async function pullKilledAfter(root: string, name: string, options: KillOptions): Promise<boolean> {
  const { registry, bytes, signal } = options;
  const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', name], { stdio: 'ignore' });
  let ended = false;
  const end = new Promise<void>((resolve) =>
    child.once('exit', () => {
      ended = true;
      resolve();
    }),
  );
  const before = registry.sentBytes();
  while (!ended && registry.sentBytes() - before < bytes) await delay(2);
  child.kill(signal);
  await end;
  return child.exitCode === 0;
}

interface KillOptions {
  registry: RunningRegistry;
  bytes: number;
  signal: NodeJS.Signals;
}

for (const [signal, compression] of [
  ['SIGKILL', 'gzip'],
  ['SIGINT', 'none'],
] as const)
  test(`${signal} in every 2 MB, ${compression}: each byte is sent once`, { skip }, async (t) => {
    const { registry, image, name } = await serveImage(t, { layers, compression, fault: slowly });
    const root = join(tempDir(t), 'root');
    let kills = 0;
    while (!(await pullKilledAfter(root, name, { registry, bytes: 2_000_000, signal }))) {
      kills++;
      assert.ok(kills < 30, 'no progress from run to run');
    }
    assert.ok(kills >= 2, `killed ${kills} times`);
    const size = sizeOf(image.layers);
    const documents = (kills + 1) * 10_000;
    const most = size * 1.02 + kills * BUFFERS + documents;
    assert.ok(registry.sentBytes() <= most, `${registry.sentBytes()} bytes for ${size}, ${kills} kills`);
    assert.ok(most < size * 2, 'the bound says nothing');
    checkStore(root);
    assert.deepEqual(readdirSync(join(root, 'tspull/partial')), []);
  });

test('layers that were complete, or only waited for the ones below, are not fetched again', { skip }, async (t) => {
  let lowest = '';
  const { registry, image, name, layerRequests } = await serveImage(t, {
    layers,
    // The lowest layer never gets far, so that no other can be registered.
    fault: (question, answer, response) =>
      lowest !== '' && question.url.pathname.endsWith(lowest)
        ? trickleChunks(1000, 50)(question, answer, response)
        : answer,
  });
  lowest = digestOf(image.layers[0] ?? '');
  const root = join(tempDir(t), 'root');
  const others = sizeOf(image.layers.slice(1));
  const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '--json', name], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let seen = '';
  for await (const text of child.stdout.setEncoding('utf8')) {
    seen += text;
    if ((seen.match(/"status":"verified"/g) ?? []).length === layers.length - 1) break;
  }
  child.kill('SIGKILL');
  assert.ok(registry.sentBytes() >= others);
  lowest = '';
  const before = layerRequests().length;
  assert.equal((await cli('tspull', root, [name])).status, 0);
  assert.deepEqual(layerRequests().slice(before), [digestOf(image.layers[0] ?? '')]);
  checkStore(root);
});

test('kept bytes that turn out wrong are fetched again', { skip }, async (t) => {
  const { image, name, layerRequests } = await serveImage(t, { layers: layers.slice(0, 1), compression: 'none' });
  const root = join(tempDir(t), 'root');
  mkdirSync(join(root, 'tspull/partial'), { recursive: true });
  const bytes = Buffer.from(image.layers[0] ?? []);
  const digest = digestOf(bytes);
  bytes.writeUInt8(bytes.readUInt8(700_000) ^ 1, 700_000);
  const partial = openPartialBlob(root, digest, bytes.length);
  assert.ok(partial !== undefined);
  partial.append(bytes.subarray(0, 1_000_000));
  partial.close();
  const { status, stderr } = await cli('tspull', root, [name]);
  assert.equal(status, 0, stderr);
  assert.equal(layerRequests().length, 2);
  checkStore(root);
  assert.deepEqual(readdirSync(join(root, 'tspull/partial')), []);
});
