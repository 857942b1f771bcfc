import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bundledProgram } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

interface Cache {
  folder: string;
  files(): string[];
  /** Lists the images of an empty root with this cache, which must succeed whatever the cache holds. */
  list(env?: NodeJS.ProcessEnv): Promise<void>;
}

function makeCache(t: TestContext): Cache {
  const folder = join(tempDir(t), 'cache');
  const args = [bundledProgram('tsimage'), 'ls', '-q', '--root', join(folder, '../root')];
  return {
    folder,
    files: () => readdirSync(folder),
    async list(env = {}) {
      const result = await run(process.execPath, args, {
        env: { ...process.env, NODE_COMPILE_CACHE: folder, ...env },
      });
      assert.deepEqual(result, { status: 0, stdout: '', stderr: '' });
    },
  };
}

/** A time that no file of this test gets by being written. */
const longAgo = new Date('2001-02-03T04:05:06Z');

test('the first start leaves compiled code, later ones take it', async (t) => {
  const cache = makeCache(t);
  await cache.list();
  const [name, ...others] = cache.files();
  assert.match(name ?? '', /^tsimage-rest-ls-[0-9a-f]{16}-v[0-9.]+-\w+\.v8$/);
  assert.deepEqual(others, []);
  const path = join(cache.folder, name ?? '');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(cache.folder).mode & 0o777, 0o700);
  utimesSync(path, longAgo, longAgo);
  await cache.list();
  assert.equal(statSync(path).mtimeMs, longAgo.getTime(), 'a cache that fits is not written again');
});

test('code that does not fit is refused and replaced', async (t) => {
  const cache = makeCache(t);
  await cache.list();
  const path = join(cache.folder, cache.files()[0] ?? '');
  const { size } = statSync(path);
  for (const content of [Buffer.alloc(0), Buffer.alloc(size), Buffer.from('no code')]) {
    writeFileSync(path, content);
    utimesSync(path, longAgo, longAgo);
    await cache.list();
    assert.notEqual(statSync(path).mtimeMs, longAgo.getTime());
    assert.ok(statSync(path).size > 10_000);
  }
});

test('what others could have written is neither read nor replaced', { skip: missing('root') }, async (t) => {
  const changes: ((folder: string, path: string) => void)[] = [
    (folder) => chmodSync(folder, 0o777),
    (folder) => chownSync(folder, 65534, 65534),
    (_, path) => chmodSync(path, 0o622),
    (_, path) => chownSync(path, 65534, 65534),
  ];
  for (const change of changes) {
    const cache = makeCache(t);
    await cache.list();
    const path = join(cache.folder, cache.files()[0] ?? '');
    utimesSync(path, longAgo, longAgo);
    change(cache.folder, path);
    const before = statSync(path);
    await cache.list();
    const after = statSync(path);
    const folderIsForeign = statSync(cache.folder).uid !== 0 || (statSync(cache.folder).mode & 0o22) !== 0;
    // In a folder of ours the file of somebody else is replaced by ours; in a foreign folder nothing is touched.
    if (folderIsForeign) assert.equal(after.mtimeMs, before.mtimeMs);
    else assert.deepEqual([after.uid, after.mode & 0o777], [0, 0o600]);
  }
});

test('without a place for it, or when told so, nothing is kept', async (t) => {
  const cache = makeCache(t);
  await cache.list({ NODE_DISABLE_COMPILE_CACHE: '1' });
  assert.throws(cache.files, { code: 'ENOENT' });
  writeFileSync(cache.folder, 'not a directory');
  await cache.list();
});

test('a command that failed keeps nothing', async (t) => {
  const cache = makeCache(t);
  mkdirSync(cache.folder, { mode: 0o700 });
  const { status } = await run(process.execPath, [bundledProgram('tsimage'), 'nonsense'], {
    env: { ...process.env, NODE_COMPILE_CACHE: cache.folder },
  });
  assert.notEqual(status, 0);
  assert.deepEqual(cache.files(), []);
});
