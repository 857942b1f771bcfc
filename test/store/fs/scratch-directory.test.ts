import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tryAcquire } from '../../../store/fs/lock.js';
import { openScratchDirectory } from '../../../store/fs/scratch-directory.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const prefix = 'scratch-';

/** As a killed command leaves it. */
function abandoned(parent: string, name: string): string {
  const path = join(parent, prefix + name);
  mkdirSync(join(path, 'root'), { recursive: true });
  writeFileSync(join(path, 'lock'), '');
  return path;
}

test('it goes at the end, with all that is in it', (t) => {
  const parent = tempDir(t);
  {
    using scratch = openScratchDirectory(parent, prefix);
    mkdirSync(join(scratch.path, 'deep/er'), { recursive: true });
    assert.equal(readdirSync(parent).length, 1);
  }
  assert.deepEqual(readdirSync(parent), []);
});

test('what a killed one left goes with the next; one that is in use, one that begins, and other names stay', (t) => {
  const parent = tempDir(t);
  const left = abandoned(parent, 'left');
  const used = abandoned(parent, 'used');
  using _held = tryAcquire(join(used, 'lock'), 'exclusive');
  const young = join(parent, `${prefix}young`);
  const old = join(parent, `${prefix}old`);
  for (const path of [young, old, join(parent, 'other')]) mkdirSync(path);
  utimesSync(old, 1000, 1000);
  openScratchDirectory(parent, prefix)[Symbol.dispose]();
  assert.deepEqual([left, used, young, old].map(existsSync), [false, true, true, false]);
  assert.ok(existsSync(join(parent, 'other')));
});

test('where nothing can be made, that is said', (t) => {
  const gone = join(tempDir(t), 'gone');
  assert.throws(() => openScratchDirectory(gone, prefix), { code: 'E_STORE_IO', message: /gone": ENOENT/ });
});

test('what others have made of such a name is left alone', { skip: missing('root') }, (t) => {
  const [parent, elsewhere] = [tempDir(t), tempDir(t)];
  const foreign = abandoned(parent, 'foreign');
  chownSync(foreign, 12345, 12345);
  abandoned(elsewhere, 'x');
  symlinkSync(join(elsewhere, `${prefix}x`), join(parent, `${prefix}link`));
  writeFileSync(join(parent, `${prefix}file`), '');
  openScratchDirectory(parent, prefix)[Symbol.dispose]();
  assert.deepEqual(readdirSync(parent).sort(), [`${prefix}file`, `${prefix}foreign`, `${prefix}link`]);
  assert.deepEqual(readdirSync(elsewhere), [`${prefix}x`]);
});
