import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { digestOf } from '../../../store/oci/digest.js';
import { type LayerVerdict, verifyLayer } from '../../../store/tar/verify-layer.js';
import { extractTo } from '../../support/layer.js';
import { missing } from '../../support/needs.js';
import { dir, file, hardlink, symlink, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { accepted } from './accepted-layers.js';

const skip = missing('root');

function unpacked(t: TestContext, archive: Buffer) {
  const { diff, record, size } = extractTo({ dir: join(tempDir(t), 'layer'), archive });
  const check = (): LayerVerdict =>
    verifyLayer({ record: join(record, 'tar-split.json.gz'), diff, below: [], isSource: false, idBase: 0 });
  return { diff, size, check };
}

for (const [what, archive] of accepted)
  test(`as it was unpacked: ${what}`, { skip }, (t) => {
    const { size, check } = unpacked(t, archive);
    const { faults, digest, sizes, bytes } = check();
    assert.deepEqual(faults, []);
    assert.equal(digest, digestOf(archive));
    assert.deepEqual(sizes, [size]);
    assert.equal(bytes, archive.length);
  });

const sample = tar(
  dir('etc/', { mode: 0o750 }),
  file('etc/name', 'content'),
  hardlink('etc/same', 'etc/name'),
  symlink('link', 'etc'),
  file('gone/.wh.x', ''),
  file('implied/file', 'y'),
);

const harm: [what: string, harm: (diff: string) => void, kinds: string[]][] = [
  ['content of the same length', (diff) => rewrite(join(diff, 'etc/name'), 'Content'), ['content etc/name']],
  ['a shorter file', (diff) => rewrite(join(diff, 'implied/file'), ''), ['content implied/file']],
  ['a mode', (diff) => chmodSync(join(diff, 'etc'), 0o755), ['mode etc']],
  ['the mode of a directory that no member makes', (diff) => chmodSync(join(diff, 'implied'), 0o700), ['mode implied']],
  ['a time', (diff) => utimesSync(join(diff, 'implied/file'), 1, 1), ['time implied/file']],
  ['a whiteout', (diff) => rmSync(join(diff, 'gone/x')), ['missing gone/x']],
  ['a file more, deep down', (diff) => writeFileSync(join(diff, 'implied/more'), ''), ['extra implied/more']],
  ['no tree', (diff) => rmSync(diff, { recursive: true }), ['missing ']],
  ['an empty tree', (diff) => emptied(diff), ['missing etc', 'missing etc/name', 'missing etc/same', 'missing link']],
];

function rewrite(path: string, text: string): void {
  const { atime, mtime } = lstatSync(path);
  writeFileSync(path, text);
  utimesSync(path, atime, mtime);
}

function emptied(diff: string): void {
  rmSync(diff, { recursive: true });
  mkdirSync(diff);
  chmodSync(diff, 0o755);
}

for (const [what, damage, kinds] of harm)
  test(`harm: ${what}`, { skip }, (t) => {
    const { diff, check } = unpacked(t, sample);
    assert.deepEqual(check().faults, []);
    damage(diff);
    const { faults, digest } = check();
    const found = faults.map(({ kind, name }) => `${kind} ${name}`);
    assert.deepEqual(found.slice(0, kinds.length), kinds);
    if (kinds.some((kind) => /^(content|missing etc)/.test(kind))) assert.notEqual(digest, digestOf(sample));
  });
