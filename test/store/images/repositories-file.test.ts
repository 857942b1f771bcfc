import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseRepositories, setTag } from '../../../store/images/repositories.js';
import {
  lastGoodPath,
  readRepositories,
  recoverRepositories,
  repositoriesPath,
  updateRepositories,
} from '../../../store/images/repositories-file.js';
import type { ImageId } from '../../../store/oci/digest.js';
import { tempDir } from '../../support/temp.js';

const id = `sha256:${'1'.repeat(64)}` as ImageId;
const damages = ['', '{"Repositories":{"a', '[]', '\0\0\0\0', '{"Repositories":{"a":{"a:1":7}}}'];

test('a missing file is empty, a change makes it, no change writes nothing', (t) => {
  const root = tempDir(t);
  assert.equal(readRepositories(root).size, 0);
  updateRepositories(root, (names) => names);
  assert.throws(() => statSync(repositoriesPath(root)), { code: 'ENOENT' });
  updateRepositories(root, (names) => setTag(names, 'a', '1', id));
  assert.equal(readFileSync(repositoriesPath(root), 'utf8'), `{"Repositories":{"a":{"a:1":"${id}"}}}`);
  assert.equal(statSync(repositoriesPath(root)).mode & 0o7777, 0o600);
  const { ino } = statSync(repositoriesPath(root));
  updateRepositories(root, (names) => setTag(names, 'a', '1', id));
  assert.equal(statSync(repositoriesPath(root)).ino, ino);
});

test('damage is reported with what to do and repaired from the last good copy', (t) => {
  for (const damage of damages) {
    const root = tempDir(t);
    updateRepositories(root, (names) => setTag(names, 'a', '1', id));
    writeFileSync(repositoriesPath(root), damage);
    assert.throws(() => readRepositories(root), { code: 'E_STORE', hint: /copy that file over the damaged one/ });
    assert.throws(() => updateRepositories(root, (names) => setTag(names, 'b', '1', id)), { code: 'E_STORE' });
    assert.equal(readFileSync(repositoriesPath(root), 'utf8'), damage, 'a writer does not touch a damaged file');
    assert.equal(recoverRepositories(root), 'last-good');
    assert.equal(readRepositories(root).get('a')?.get('a:1'), id);
    assert.equal(readFileSync(`${repositoriesPath(root)}.damaged`, 'utf8'), damage);
    assert.equal(recoverRepositories(root), 'intact');
  }
});

test('without a good copy the table starts empty', (t) => {
  const root = tempDir(t);
  mkdirSync(dirname(repositoriesPath(root)), { recursive: true });
  for (const copy of [undefined, 'garbage']) {
    writeFileSync(repositoriesPath(root), '');
    rmSync(lastGoodPath(root), { force: true });
    if (copy !== undefined) writeFileSync(lastGoodPath(root), copy);
    assert.throws(() => readRepositories(root), { code: 'E_STORE', hint: /move the file away/ });
    assert.equal(recoverRepositories(root), 'empty');
    assert.equal(readRepositories(root).size, 0);
  }
});

test('two processes that move tags at once lose nothing', async (t) => {
  const root = tempDir(t);
  const url = (path: string) => JSON.stringify(new URL(`../../../store/${path}`, import.meta.url).href);
  const writer = (name: string) => `
    import { setTag } from ${url('images/repositories.js')};
    import { updateRepositories } from ${url('images/repositories-file.js')};
    import { openForWriting } from ${url('store.js')};
    const store = await openForWriting(${JSON.stringify(root)});
    for (let i = 0; i < 40; i++)
      await store.exclusive(() => updateRepositories(store.root, (names) => setTag(names, '${name}', String(i), '${id}')));
    store.close();`;
  const ends = ['x', 'y', 'z'].map(
    (name) =>
      new Promise((resolve) => {
        const args = ['--input-type=module', '-e', writer(name)];
        spawn(process.execPath, args, { stdio: 'inherit' }).once('exit', resolve);
      }),
  );
  assert.deepEqual(await Promise.all(ends), [0, 0, 0]);
  const names = parseRepositories(readFileSync(join(root, 'image/overlay2/repositories.json'), 'utf8'));
  assert.deepEqual(
    [...names].map(([name, keys]) => [name, keys.size]),
    [
      ['x', 40],
      ['y', 40],
      ['z', 40],
    ],
  );
});
