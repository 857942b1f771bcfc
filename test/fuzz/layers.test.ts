/**
 * Damaged layers, many of them: each is unpacked whole or refused with a word, in bounded time and memory, and nothing outside its
 * directory changes. `npm run test:faults` takes 100 000; `TSPULL_TEST_FUZZ=5000` says how many, `TSPULL_TEST_FUZZ_FIRST=4711` with which one to begin: with
 * `TSPULL_TEST_FUZZ=1` a single one is repeated.
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { damagedBlob, zstdSamples } from './mutate-blob.js';
import { randomFrom } from './random.js';
import type { FuzzResult } from './unpack-damaged.js';
import { unpackDamaged } from './watch-unpacking.js';

const count = Number(process.env['TSPULL_TEST_FUZZ'] ?? (isLongForm ? 100_000 : 1500));
const first = Number(process.env['TSPULL_TEST_FUZZ_FIRST'] ?? 1);
const MOST_GROWTH_BYTES = 100 * 1024 * 1024;

async function inParts(parts: number): Promise<FuzzResult> {
  const starts = Array.from({ length: parts + 1 }, (_, part) => first + Math.floor((count * part) / parts));
  const results = await Promise.all(
    starts.slice(1).map((end, part) => unpackDamaged(starts[part] ?? first, end - (starts[part] ?? first))),
  );
  const all: FuzzResult = { accepted: 0, refused: {}, rss: { early: 0, late: 0 } };
  for (const { accepted, refused, rss } of results) {
    all.accepted += accepted;
    for (const [code, times] of Object.entries(refused)) all.refused[code] = (all.refused[code] ?? 0) + times;
    all.rss = { early: Math.max(all.rss.early, rss.early), late: Math.max(all.rss.late, rss.late) };
  }
  return all;
}

test('the same number is the same layer', { skip: missing('zstd') }, () => {
  const blobs = [1, 1, 2].map((seed) => damagedBlob(randomFrom(seed), zstdSamples(randomFrom(0))).bytes);
  assert.ok(blobs[0]?.equals(blobs[1] ?? Buffer.alloc(0)));
  assert.ok(!blobs[0]?.equals(blobs[2] ?? Buffer.alloc(0)));
});

test(`${count} damaged layers, from ${first}`, { skip: missing('root', 'zstd') }, async (t) => {
  const started = performance.now();
  const { accepted, refused, rss } = await inParts(count > 10_000 ? availableParallelism() : 1);
  const seconds = (performance.now() - started) / 1000;
  t.diagnostic(
    `${accepted} accepted, refused: ${JSON.stringify(refused)}, ${seconds.toFixed(1)} s, ${JSON.stringify(rss)}`,
  );
  assert.equal(accepted + Object.values(refused).reduce((sum, times) => sum + times, 0), count);
  if (count < 1000) return;
  assert.ok(accepted > count * 0.05, 'hardly a layer was good: the tests see only the first lines of defence');
  assert.ok((refused['E_ARCHIVE'] ?? 0) > count * 0.2, 'hardly a layer was damaged');
  assert.ok(rss.late < rss.early + MOST_GROWTH_BYTES, `memory grew from ${rss.early} to ${rss.late} bytes`);
});
