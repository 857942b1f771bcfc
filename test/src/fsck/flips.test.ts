/** Single bytes that rot, anywhere in a data root: each is found, named, and put right with one blob at most. */
import assert from 'node:assert/strict';
import {
  closeSync,
  lstatSync,
  lutimesSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Random, randomFrom } from '../../fuzz/random.js';
import { filesBelow, makeFsckRoot } from '../../support/fsck-root.js';
import { isLongForm } from '../../support/long-form.js';
import { missing } from '../../support/needs.js';

const FLIPS = isLongForm ? 10_000 : 150;
/** TSPULL_TEST_FLIPS_FIRST repeats from there, TSPULL_TEST_FLIPS so many. */
const first = Number(process.env['TSPULL_TEST_FLIPS_FIRST'] ?? 0);
const count = Number(process.env['TSPULL_TEST_FLIPS'] ?? FLIPS);

/** @returns the byte before and after */
function flip(path: string, at: number, by: number): string {
  const before = lstatSync(path);
  const { atime, mtime } = before;
  if (before.isSymbolicLink()) {
    const text = readlinkSync(path, { encoding: 'buffer' });
    const byte = text[at] ?? 0;
    const folder = statSync(dirname(path));
    // No link can hold a zero.
    text[at] = (byte ^ by) === 0 ? byte ^ 1 : byte ^ by;
    unlinkSync(path);
    symlinkSync(text, path);
    lutimesSync(path, atime, mtime);
    utimesSync(dirname(path), folder.atime, folder.mtime);
    return `${byte} to ${text[at]}`;
  }
  const fd = openSync(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    const old = byte[0] ?? 0;
    byte[0] = old ^ by;
    writeSync(fd, byte, 0, 1, at);
    return `${old} to ${byte[0]}`;
  } finally {
    closeSync(fd);
    // Bytes rot without anybody writing them.
    utimesSync(path, atime, mtime);
  }
}

/** Every second one in any byte, the others in any file: most files are small. */
function choose(root: string, files: readonly string[], rng: Random): { path: string; at: number } {
  const sizes = files.map((path) => lstatSync(join(root, path)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let index = rng.below(files.length);
  let at = rng.below(sizes[index] ?? 1);
  if (rng.below(2) === 0) {
    at = rng.below(total);
    for (index = 0; at >= (sizes[index] ?? 0); index++) at -= sizes[index] ?? 0;
  }
  return { path: files[index] ?? '', at };
}

test(`${count} single bytes of files, metadata, records and links`, {
  skip: missing('root'),
  timeout: 3_600_000,
}, async (t) => {
  const { root, describe, check, repair, layerRequests } = await makeFsckRoot(t);
  const good = describe();
  let fetched = 0;
  for (let seed = first; seed < first + count; seed++) {
    const rng = randomFrom(seed);
    const files = filesBelow(root, 'image', 'overlay2', 'tspull/layers', 'tspull/manifests');
    const { path, at } = choose(root, files, rng);
    const what = `flip ${seed}: byte ${at} of ${path}, ${flip(join(root, path), at, 1 + rng.below(255))}`;
    const before = layerRequests().length;
    const { findings, clean } = await check();
    assert.equal(clean, false, `${what} was not found`);
    const named = findings.some((finding) => path.startsWith(finding.path) || finding.path.startsWith(path));
    assert.ok(named || isTold(path, findings), `${what} was found as ${JSON.stringify(findings)}`);
    const repaired = await repair();
    assert.ok(repaired.clean, `${what} was not repaired: ${JSON.stringify(repaired.findings)}`);
    assert.deepEqual(describe(), good, what);
    const requests = layerRequests().length - before;
    assert.ok(requests <= (isOfLayer(path) ? 1 : 0), `${what} cost ${requests} blobs`);
    fetched += requests;
  }
  assert.ok(fetched > 0);
});

function isOfLayer(path: string): boolean {
  return /\/diff\//.test(path) || path.endsWith('tar-split.json.gz');
}

/** A wrong entry is told by the file that contradicts it, and then the layer is named. */
function isTold(path: string, findings: readonly { area: string; layer: string | undefined }[]): boolean {
  const [area] = /distribution|imagedb/.exec(path) ?? [];
  return findings.some((finding) => finding.area === area || finding.layer !== undefined);
}

test('what was repaired is found when it rots again', { skip: missing('root') }, async (t) => {
  const { root, describe, check, repair } = await makeFsckRoot(t);
  const good = describe();
  const [path = ''] = filesBelow(root, 'image/overlay2/distribution/v2metadata-by-diffid');
  for (const by of [1, 2]) {
    const at = readFileSync(join(root, path)).indexOf('"SourceRepository":"') + '"SourceRepository":"'.length;
    flip(join(root, path), at, by);
    assert.equal((await check()).clean, false, `flip by ${by}`);
    assert.ok((await repair()).clean);
    assert.deepEqual(describe(), good);
  }
});
