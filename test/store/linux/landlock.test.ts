import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { tempDir } from '../../support/temp.js';

interface Report {
  isConfined: boolean;
  inside: Record<string, string>;
  outside: Record<string, string>;
  pool: boolean;
}

test('a confined thread changes files in its folder alone; the rest of the process is free', async (t) => {
  const [inside, outside] = [tempDir(t), tempDir(t)];
  for (const folder of [inside, outside]) {
    for (const name of ['sub', 'empty']) mkdirSync(join(folder, name));
    for (const name of ['file', 'other', 'gone']) writeFileSync(join(folder, name), 'content');
    symlinkSync(join(outside, 'target'), join(folder, 'to-outside'));
  }
  await readFile(join(outside, 'file'));
  const before = readdirSync(outside);
  const report = await new Promise<Report>((resolve, reject) => {
    const worker = new Worker(new URL('./confined-worker.js', import.meta.url), { workerData: { inside, outside } });
    worker.on('message', resolve).on('error', reject);
  });
  if (!report.isConfined) {
    t.skip('this kernel has no Landlock of use');
    return;
  }
  const { read, throughLink, ...changes } = report.inside;
  assert.deepEqual([read, throughLink], ['done', 'EACCES']);
  assert.deepEqual([...new Set(Object.values(changes))], ['done'], JSON.stringify(changes));
  const { read: readOutside, ...refused } = report.outside;
  assert.equal(readOutside, 'done');
  // A hard link and a rename to where nothing may be made are another device to it.
  assert.deepEqual(
    Object.entries(refused).filter(([, code]) => code !== 'EACCES' && code !== 'EXDEV'),
    [],
  );
  assert.deepEqual(readdirSync(outside), [...before, 'by-the-pool'].sort());
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'content');
  assert.equal(report.pool, true);
  writeFileSync(join(outside, 'main'), 'x');
});
