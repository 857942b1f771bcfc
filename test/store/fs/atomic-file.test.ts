import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { syncDirectory, writeFileDurably } from '../../../store/fs/atomic-file.js';
import { tempDir } from '../../support/temp.js';

test('creates and replaces with the exact mode whatever the umask', (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'file');
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  writeFileDurably(path, 'one', 0o644);
  assert.equal(statSync(path).mode & 0o7777, 0o644);
  writeFileDurably(path, Buffer.from([0, 255, 10]), 0o600);
  assert.deepEqual([...readFileSync(path)], [0, 255, 10]);
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  assert.deepEqual(readdirSync(dir), ['file']);
});

test('a failure leaves the old file and no temporary one', (t) => {
  const dir = tempDir(t);
  const target = join(dir, 'taken');
  mkdirSync(join(target, 'full'), { recursive: true });
  assert.throws(() => writeFileDurably(target, 'x', 0o600), { code: /EISDIR|ENOTEMPTY|EEXIST/ });
  assert.deepEqual(readdirSync(dir), ['taken']);
  assert.throws(() => writeFileDurably(join(dir, 'absent', 'file'), 'x', 0o600), { code: 'ENOENT' });
});

test('syncDirectory refuses what is not a directory', (t) => {
  const dir = tempDir(t);
  syncDirectory(dir);
  writeFileSync(join(dir, 'f'), '');
  assert.throws(() => syncDirectory(join(dir, 'f')), { code: 'ENOTDIR' });
});

test('a writer killed at any instant leaves one of the two complete versions', async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o700);
  const path = join(dir, 'file');
  const module = JSON.stringify(new URL('../../../store/fs/atomic-file.js', import.meta.url).href);
  const script = `import {writeFileDurably} from ${module};
    process.send('ready');
    for (;;) for (const c of ['a', 'b']) writeFileDurably(${JSON.stringify(path)}, c.repeat(300000), 0o600);`;
  for (const wait of [1, 7, 19]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await new Promise((resolve) => child.once('message', resolve));
    await delay(30 + wait);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const text = readFileSync(path, 'latin1');
    assert.equal(text.length, 300000);
    assert.match(text, /^(a+|b+)$/);
  }
});
