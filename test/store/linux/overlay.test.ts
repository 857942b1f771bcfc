import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readTextInRoot } from '../../../store/fs/inside-root.js';
import { mountByOptions, mountOverlay, type OverlayStack } from '../../../store/linux/overlay.js';
import { ourMounts } from '../../support/mounts.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');

/** A stack whose layer `n` has a file `n` and replaces the file `top`. */
function makeStack(t: TestContext, count: number): OverlayStack {
  const home = tempDir(t);
  mkdirSync(join(home, 'l'));
  const lower = Array.from({ length: count }, (_, index) => {
    const name = `${String(index).padStart(4, '0')}ABCDEFGHIJKLMNOPQRSTUV`;
    mkdirSync(join(home, `layer${index}`));
    writeFileSync(join(home, `layer${index}`, String(index)), `content ${index}`);
    writeFileSync(join(home, `layer${index}`, 'top'), String(index));
    symlinkSync(`../layer${index}`, join(home, 'l', name));
    return `l/${name}`;
  });
  mkdirSync(join(home, 'upper'));
  mkdirSync(join(home, 'work'));
  return { home, lower };
}

for (const [how, mount] of [
  ['a parameter a layer', mountOverlay],
  ['one string of options', mountByOptions],
] as const) {
  test(`127 layers and a writable one, ${how}`, { skip }, (t) => {
    const stack = makeStack(t, 128);
    const fd = mount({ ...stack, upper: { diff: 'upper', work: 'work' } });
    t.after(() => closeSync(fd));
    assert.equal(readTextInRoot(fd, 'top', 100), '0');
    assert.equal(readTextInRoot(fd, '127', 100), 'content 127');
    writeFileSync(`/proc/self/fd/${fd}/new`, 'x');
    assert.ok(existsSync(join(stack.home, 'upper', 'new')));
    assert.deepEqual(ourMounts(stack.home), []);
  });

  test(`read-only, ${how}`, { skip }, (t) => {
    const fd = mount(makeStack(t, 2));
    t.after(() => closeSync(fd));
    assert.throws(() => writeFileSync(`/proc/self/fd/${fd}/new`, 'x'), /EROFS/);
  });
}

test('options longer than a page are refused, not cut', { skip }, (t) => {
  const stack = makeStack(t, 145);
  const before = process.cwd();
  assert.throws(() => mountByOptions(stack), /145 layers are too many for this kernel/);
  assert.equal(process.cwd(), before);
});

test('a place for temporary files that cannot be written is no hindrance', { skip }, (t) => {
  const before = process.env['TMPDIR'];
  const stack = makeStack(t, 2);
  process.env['TMPDIR'] = '/proc';
  try {
    const fd = mountByOptions(stack);
    t.after(() => closeSync(fd));
    assert.equal(readTextInRoot(fd, 'top', 100), '0');
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  for (const folder of ['/run', '/dev/shm'])
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('tspull-overlay-')),
      [],
    );
});

test('one layer alone is a read-only view of it', { skip }, (t) => {
  const stack = makeStack(t, 1);
  const fd = mountOverlay(stack);
  t.after(() => closeSync(fd));
  assert.deepEqual(readdirSync(`/proc/self/fd/${fd}`).sort(), ['0', 'top']);
  assert.throws(() => writeFileSync(`/proc/self/fd/${fd}/top`, 'x'), /EROFS/);
  assert.equal(readFileSync(join(stack.home, 'layer0', 'top'), 'utf8'), '0');
});

test('a home whose name has commas and colons', { skip }, (t) => {
  const stack = makeStack(t, 2);
  const odd = join(stack.home, 'a,b:c\\d');
  symlinkSync(stack.home, odd);
  const fd = mountOverlay({ ...stack, home: odd });
  t.after(() => closeSync(fd));
  assert.equal(readTextInRoot(fd, '1', 100), 'content 1');
});
