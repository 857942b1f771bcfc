import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ChainId, type DiffId, digestOf } from '../../../store/oci/digest.js';
import { rebuildLayer, type StoredLayer } from '../../../store/tar/rebuild-layer.js';
import { extractTo, readTarSplit } from '../../support/layer.js';
import { missing } from '../../support/needs.js';
import { dir, file, symlink, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { accepted } from './accepted-layers.js';

const skip = missing('root');

function stored(t: TestContext, archive: Buffer): StoredLayer & { diff: string; record: string } {
  const { diff, record } = extractTo({ dir: join(tempDir(t), 'layer'), archive });
  const diffId = digestOf(archive) as string as DiffId;
  return { chainId: diffId as string as ChainId, diffId, diff, record };
}

function rebuilt(layer: StoredLayer): Buffer {
  return Buffer.concat([...copies(layer)]);
}

function* copies(layer: StoredLayer): Generator<Buffer> {
  for (const piece of rebuildLayer(layer)) yield Buffer.from(piece);
}

for (const [what, archive] of accepted)
  test(`rebuilt bit for bit: ${what}`, { skip }, (t) => {
    assert.ok(rebuilt(stored(t, archive)).equals(archive));
  });

test('a file larger than every buffer, and many small ones', { skip }, (t) => {
  const large = Buffer.alloc(3 * 1024 * 1024 + 7, 'large');
  const small = Array.from({ length: 3000 }, (_, at) => file(`small/${at}`, `${at}`));
  const archive = tar(dir('small/'), ...small, file('large', '', { content: large }));
  assert.ok(rebuilt(stored(t, archive)).equals(archive));
});

const sample = tar(dir('etc/'), file('etc/name', 'content'), symlink('link', 'etc'), file('other', 'more'));

/** Message of the failure, which must name the layer. */
function failure(layer: StoredLayer): string {
  try {
    for (const piece of rebuildLayer(layer)) assert.ok(piece);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'E_STORE', String(error));
    assert.ok(error.message.startsWith(`layer ${layer.chainId} is damaged: `), error.message);
    return error.message;
  }
  throw new Error('the layer is as good as ever');
}

const harm: [what: string, harm: (layer: { diff: string; record: string }) => void, message: RegExp][] = [
  ['another content', ({ diff }) => writeFileSync(join(diff, 'etc/name'), 'Content'), /"etc\/name": its content/],
  ['a longer file', ({ diff }) => writeFileSync(join(diff, 'other'), 'more!'), /"other": it has 5 bytes instead of 4/],
  ['an empty file', ({ diff }) => truncateSync(join(diff, 'other'), 0), /"other": it has 0 bytes/],
  ['no file', ({ diff }) => rmSync(join(diff, 'other')), /"other": ENOENT/],
  ['a link to the very content', ({ diff }) => hide(diff, 'other'), /"other": ELOOP/],
  ['a directory instead', ({ diff }) => directoryAt(join(diff, 'other')), /"other": it is no longer a regular file/],
  ['no tree', ({ diff }) => rmSync(diff, { recursive: true }), /"diff": ENOENT/],
  ['a tree that is a link', ({ diff }) => hideTree(diff), /"diff": (ENOTDIR|ELOOP)/],
  ['no record', ({ record }) => rmSync(join(record, 'tar-split.json.gz')), /tar-split.json.gz: ENOENT/],
  ['a record cut off', ({ record }) => truncateSync(join(record, 'tar-split.json.gz'), 60), /tar-split.json.gz: /],
];

for (const [what, change, message] of harm)
  test(`damage is found and named: ${what}`, { skip }, (t) => {
    const layer = stored(t, sample);
    change(layer);
    assert.match(failure(layer), message);
  });

function hide(diff: string, name: string): void {
  renameSync(join(diff, name), join(diff, 'hidden'));
  symlinkSync('hidden', join(diff, name));
}

function hideTree(diff: string): void {
  renameSync(diff, `${diff}-moved`);
  symlinkSync(`${diff}-moved`, diff);
}

function directoryAt(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

/** The record with its lines changed. */
function rewrite(layer: StoredLayer & { record: string }, change: (lines: object[]) => (object | string)[]): void {
  const lines = change(readTarSplit(layer.record)).map((line) =>
    typeof line === 'string' ? line : JSON.stringify(line),
  );
  writeFileSync(join(layer.record, 'tar-split.json.gz'), gzipSync(`${lines.join('\n')}\n`));
}

const records: [what: string, line: object | string, message: RegExp][] = [
  ['text', 'no JSON', /line 1 is no JSON object/],
  ['an array', '[]', /line 1 is neither/],
  ['another type', { type: 3, payload: '' }, /line 1 is neither/],
  ['no name', { type: 1, size: 1, payload: 'x' }, /line 1 is neither/],
  ['a name with NUL', { type: 1, name: 'a\0b', size: 1, payload: 'x' }, /line 1 is neither/],
  ['a negative size', { type: 1, name: 'other', size: -1, payload: 'x' }, /line 1 has a size/],
  ['no checksum', { type: 1, name: 'other', size: 4, payload: null }, /line 1 has no checksum/],
  ['a path that leads out', { type: 1, name: '../outside', size: 7, payload: 'x' }, /"..\/outside": ENOENT/],
  ['an absolute path', { type: 1, name: '/etc/passwd', size: 7, payload: 'x' }, /"\/etc\/passwd": ENOENT/],
  ['a magic link', { type: 1, name: 'proc/self/root/etc/passwd', size: 7, payload: 'x' }, /: ENOENT/],
];

for (const [what, line, message] of records)
  test(`a hostile record is refused: ${what}`, { skip }, (t) => {
    const layer = stored(t, sample);
    writeFileSync(join(layer.diff, '../outside'), 'outside');
    rewrite(layer, (lines) => [line, ...lines]);
    assert.match(failure(layer), message);
  });

test('a link in the tree does not lead out of it', { skip }, (t) => {
  const layer = stored(t, sample);
  const outside = mkdtempSync(join(tempDir(t), 'outside-'));
  writeFileSync(join(outside, 'name'), 'content');
  rmSync(join(layer.diff, 'etc'), { recursive: true });
  symlinkSync(outside, join(layer.diff, 'etc'));
  assert.match(failure(layer), /"etc\/name": ENOENT/);
});

test('one byte of the record that rots is told, or does not matter', { skip }, (t) => {
  const layer = stored(t, sample);
  const path = join(layer.record, 'tar-split.json.gz');
  const good = readFileSync(path);
  let harmless = 0;
  for (const at of good.keys()) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync(path, bad);
    try {
      assert.ok(rebuilt(layer).equals(sample), `byte ${at}`);
      harmless++;
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'E_STORE', `byte ${at}: ${error}`);
    }
  }
  // Time and origin in the header of gzip say nothing about the content; among many zeros another distance copies the same.
  assert.ok(harmless < good.length / 10, `${harmless} of ${good.length} bytes could be changed`);
});

test('a header that was changed is found by the diffID', { skip }, (t) => {
  const layer = stored(t, sample);
  const { record } = layer;
  const text = readTarSplit(record);
  const [first] = text;
  assert.equal(first?.type, 2);
  const header = Buffer.from(first?.payload ?? '', 'base64');
  header[100] = (header[100] ?? 0) ^ 1;
  rewrite(layer, ([, ...rest]) => [{ ...first, payload: header.toString('base64') }, ...rest]);
  assert.match(failure(layer), /its headers have changed/);
  assert.ok(readFileSync(join(record, 'tar-split.json.gz')).length > 0);
});
