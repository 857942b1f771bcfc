import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { createDecoder } from '../../../store/tar/decompress.js';
import { missing } from '../../support/needs.js';

function decode(blob: Buffer, chunk = blob.length): Buffer {
  const out: Buffer[] = [];
  const buffer = Buffer.alloc(4096);
  const decoder = createDecoder({ buffer, flush: (length) => out.push(Buffer.from(buffer.subarray(0, length))) });
  try {
    for (let at = 0; at < blob.length; at += chunk) decoder.push(blob.subarray(at, at + chunk));
    decoder.finish();
    return Buffer.concat(out);
  } finally {
    decoder.close();
  }
}

const plain = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff));
const gz = gzipSync(plain);

test('gzip in chunks of any size', () => {
  for (const chunk of [1, 7, 4096, gz.length]) assert.deepEqual(decode(gz, chunk), plain, `chunks of ${chunk}`);
});

test('all members of a gzip stream are read, wherever it is cut', () => {
  const half = 20_001;
  const members = Buffer.concat([
    gzipSync(plain.subarray(0, half)),
    gzipSync(Buffer.alloc(0)),
    gzipSync(plain.subarray(half)),
  ]);
  for (const chunk of [1, 5, members.length]) assert.deepEqual(decode(members, chunk), plain, `chunks of ${chunk}`);
});

test('half a million empty gzip members are read in bounded time', () => {
  const empty = gzipSync(Buffer.alloc(0));
  const start = performance.now();
  assert.equal(
    decode(Buffer.concat([...Array(500_000).fill(empty), gzipSync(Buffer.from('end'))]), 65_536).toString(),
    'end',
  );
  assert.ok(performance.now() - start < 10_000);
});

test('zeros after the last gzip member are padding', () => {
  assert.deepEqual(decode(Buffer.concat([gz, Buffer.alloc(700)]), 512), plain);
});

const bad: [what: string, blob: () => Buffer][] = [
  ['text after the gzip stream', () => Buffer.concat([gz, Buffer.from('junk')])],
  ['text after zeros after the gzip stream', () => Buffer.concat([gz, Buffer.alloc(9), Buffer.from('junk')])],
  ['a gzip magic that is no member after the stream', () => Buffer.concat([gz, Buffer.from([0x1f, 0x8b, 1, 2, 3, 4])])],
  ['gzip without its trailer', () => gz.subarray(0, gz.length - 8)],
  ['gzip cut in the trailer', () => gz.subarray(0, gz.length - 1)],
  ['gzip cut in the data', () => gz.subarray(0, gz.length >> 1)],
  ['gzip with a wrong checksum', () => flip(gz, gz.length - 8)],
  ['gzip with a wrong length', () => flip(gz, gz.length - 1)],
  ['gzip with damaged data', () => flip(gz, 400)],
  ['a gzip header alone', () => gz.subarray(0, 10)],
  [
    'raw deflate after a broken header',
    () => Buffer.concat([Buffer.from([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0]), deflateRawSync(plain)]),
  ],
  ['xz', () => Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), plain])],
  ['bzip2', () => Buffer.concat([Buffer.from('BZh9'), plain])],
  ['nothing', () => Buffer.alloc(0)],
  ['one byte', () => Buffer.from([0x1f])],
];

function flip(blob: Buffer, at: number): Buffer {
  const copy = Buffer.from(blob);
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

for (const [what, blob] of bad)
  test(`refused: ${what}`, () => {
    for (const chunk of [1, 65_536])
      assert.throws(() => decode(blob(), chunk), { code: 'E_ARCHIVE' }, `chunks of ${chunk}`);
  });

test('what is not compressed passes unchanged', () => {
  assert.deepEqual(decode(plain, 999), plain);
});

test('zstd: one frame, concatenated and skippable frames; refused when cut, damaged, or with a huge window', {
  skip: missing('zstd'),
}, () => {
  const zstd = (input: Buffer, ...args: string[]) =>
    execFileSync('zstd', ['-q', '-c', ...args], { input, maxBuffer: 2 ** 28 });
  const frame = zstd(plain);
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')]);
  for (const chunk of [1, 100, 65_536]) {
    assert.deepEqual(decode(frame, chunk), plain);
    assert.deepEqual(decode(Buffer.concat([frame, skippable, frame]), chunk), Buffer.concat([plain, plain]));
    assert.deepEqual(decode(Buffer.concat([skippable, frame]), chunk), plain);
    assert.throws(() => decode(frame.subarray(0, frame.length - 5), chunk), { code: 'E_ARCHIVE' });
    assert.throws(() => decode(flip(frame, frame.length - 2), chunk), { code: 'E_ARCHIVE' });
  }
  // Magic, a frame header that asks for a window of 2 GiB, one raw block.
  const hugeWindow = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x09, 0x00, 0x00, 0x41]);
  assert.throws(() => decode(hugeWindow), { code: 'E_ARCHIVE' });
});
