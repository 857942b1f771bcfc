import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  openPartialBlob,
  type PartialBlob,
  removePartialBlob,
  sweepPartialBlobs,
} from '../../../store/layers/partial-blob.js';
import { digestOf } from '../../../store/oci/digest.js';
import { tmpfsDisk } from '../../support/loop-disk.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const blob = randomBytes(5000);
const digest = digestOf(blob);
/** Where the pieces of the blob below begin; the last is its end. */
const cuts = [0, 1000, 1001, 3500, 5000];
const pieces = cuts.slice(1).map((end, at) => blob.subarray(cuts[at], end));

function rootOf(t: TestContext): string {
  const root = tempDir(t);
  mkdirSync(join(root, 'tspull/partial'), { recursive: true });
  return root;
}

function open(root: string, size = blob.length): PartialBlob {
  const partial = openPartialBlob(root, digest, size);
  assert.ok(partial !== undefined);
  return partial;
}

function replayed(partial: PartialBlob): Buffer {
  const chunks: Buffer[] = [];
  const count = partial.replay((chunk) => chunks.push(Buffer.from(chunk)));
  const bytes = Buffer.concat(chunks);
  assert.equal(count, bytes.length);
  return bytes;
}

function keep(root: string): string {
  for (const [at, piece] of pieces.entries()) {
    const partial = open(root);
    assert.equal(replayed(partial).length, cuts[at]);
    partial.append(piece);
    // What has not been written yet becomes a piece of its own.
    partial.close();
  }
  return join(root, 'tspull/partial', digest.replace(':', '-'));
}

test('what was kept comes back, and more can be added', (t) => {
  const root = rootOf(t);
  const partial = open(root);
  partial.append(blob.subarray(0, 100));
  partial.append(blob.subarray(100, 2000));
  partial.close();
  const next = open(root);
  assert.deepEqual(replayed(next), blob.subarray(0, 2000));
  next.append(blob.subarray(2000));
  next.close();
  assert.deepEqual(replayed(open(root)), blob);
});

for (const chunkBytes of [1, 997, 65_536, 262_136, 262_144, 2_500_000])
  test(`chunks of ${chunkBytes} bytes come back, wherever pieces begin and end`, (t) => {
    const root = rootOf(t);
    const large = randomBytes(Math.min(2_500_000, chunkBytes * 5000));
    const partial = open(root, large.length);
    for (let at = 0; at < large.length; at += chunkBytes) partial.append(large.subarray(at, at + chunkBytes));
    partial.close();
    assert.ok(replayed(open(root, large.length)).equals(large));
  });

test('cut off at any byte, the whole pieces before it are good', (t) => {
  const root = rootOf(t);
  const path = keep(root);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    const partial = open(root);
    const good = cuts.filter((end, at) => end + 8 * at <= length).at(-1) ?? 0;
    assert.equal(replayed(partial).length, good, `${length} bytes`);
    partial.append(blob.subarray(good));
    partial.close();
    const after = open(root);
    assert.deepEqual(replayed(after), blob, `${length} bytes, continued`);
    after.close();
  }
});

test('a flipped bit anywhere ends the good part before it', (t) => {
  const root = rootOf(t);
  const path = keep(root);
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at += 3) {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
    writeFileSync(path, damaged);
    const partial = open(root);
    const bytes = replayed(partial);
    assert.deepEqual(bytes, blob.subarray(0, bytes.length), `byte ${at}`);
    assert.ok(bytes.length <= at);
    partial.close();
  }
});

test('zeros and noise, as a power cut leaves them, are nothing', (t) => {
  const root = rootOf(t);
  const path = keep(root);
  for (const content of [Buffer.alloc(9000), randomBytes(9000), Buffer.alloc(9000, 0xff)]) {
    writeFileSync(path, content);
    const partial = open(root);
    assert.equal(replayed(partial).length, 0);
    partial.close();
  }
});

test('never more than the blob has', (t) => {
  const root = rootOf(t);
  keep(root);
  assert.equal(replayed(open(root, 3600)).length, 3500);
});

test('two at once: the second keeps nothing', (t) => {
  const root = rootOf(t);
  const first = open(root);
  assert.equal(openPartialBlob(root, digest, blob.length), undefined);
  first.close();
  open(root).close();
});

test('discarded, it is gone, and later bytes are not kept', (t) => {
  const root = rootOf(t);
  const partial = open(root);
  partial.append(blob);
  partial.discard();
  partial.append(blob);
  assert.deepEqual(readdirSync(join(root, 'tspull/partial')), []);
  keep(root);
  removePartialBlob(root, digest);
  assert.deepEqual(readdirSync(join(root, 'tspull/partial')), []);
});

test('nothing is kept of a blob for which there is hardly space', (t) => {
  assert.equal(openPartialBlob(rootOf(t), digest, Number.MAX_SAFE_INTEGER), undefined);
});

test('when the disk is full, what was kept is given up', { skip: missing('root') }, (t) => {
  const disk = tmpfsDisk(t, 'size=1m');
  mkdirSync(join(disk.path, 'tspull/partial'), { recursive: true });
  const partial = open(disk.path);
  partial.append(blob);
  partial.append(randomBytes(2_000_000));
  assert.deepEqual(readdirSync(join(disk.path, 'tspull/partial')), []);
  partial.append(blob);
  partial.close();
});

test('swept after a week, unless somebody works on it', (t) => {
  const root = rootOf(t);
  const path = keep(root);
  sweepPartialBlobs(root);
  assert.ok(existsSync(path));
  const eightDaysAgo = Date.now() / 1000 - 8 * 24 * 3600;
  const partial = open(root);
  utimesSync(path, eightDaysAgo, eightDaysAgo);
  sweepPartialBlobs(root);
  assert.ok(statSync(path).size > 0);
  partial.close();
  sweepPartialBlobs(root);
  assert.ok(!existsSync(path));
});
