/** `tsimage import` and `tsimage push` killed at any call that changes the disk, ten at once, and on a full disk. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importImage } from '../../src/import/import-image.js';
import { push } from '../../src/push/push.js';
import { openImageDb } from '../../store/images/image-db.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { bundledProgram, cli } from '../support/cli.js';
import { isLongForm } from '../support/long-form.js';
import { tmpfsDisk } from '../support/loop-disk.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { startUploadRegistry } from '../support/upload-registry.js';
import { type Instant, listInstants, runKilledAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

const skip = missing('root', 'strace', 'mount');
const archive = tar(
  dir('bin'),
  file('bin/sh', 'shell', { mode: 0o755 }),
  symlink('bin/a', 'sh'),
  file('x', 'x'.repeat(50_000)),
);

/** Calls that follow each other closely are much alike. */
function some(instants: readonly Instant[]): Instant[] {
  const stride = isLongForm ? 1 : Math.max(1, Math.floor(instants.length / 24));
  return instants.filter((_, at) => (instants.length - 1 - at) % stride === 0);
}

const program = (root: string, ...args: string[]): Victim => ({
  command: [process.execPath, bundledProgram('tsimage'), '--root', root, ...args],
});

test('an import that is killed leaves nothing half-made', { skip, timeout: 120_000 }, async (t) => {
  const folder = tempDir(t);
  const path = join(folder, 'files.tar');
  writeFileSync(path, archive);
  const instants = await listInstants(program(join(folder, 'whole'), 'import', path, 'made:1'), folder);
  checkStore(join(folder, 'whole'));
  let killed = 0;
  const chosen = some(instants);
  for (const instant of chosen) {
    const at = `killed at ${instant.call} ${instant.nth}`;
    const root = join(folder, `${instant.call}-${instant.nth}`);
    if (await runKilledAt(program(root, 'import', path, 'made:1'), instant)) killed++;
    checkStore(root, { leftovers: true });
    await importImage(path, 'made:1', { root });
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), [], at);
  }
  assert.ok(killed > chosen.length * 0.8, `only ${killed} runs were killed`);
});

test('a push that is killed leaves the data root as it was, or complete', { skip, timeout: 120_000 }, async (t) => {
  const folder = tempDir(t);
  const { host } = await startUploadRegistry(t);
  writeFileSync(join(folder, 'files.tar'), archive);
  const name = `${host}/x:1`;
  const fresh = join(folder, 'fresh');
  await importImage(join(folder, 'files.tar'), name, { root: fresh });
  const copy = (to: string) => {
    cpSync(fresh, join(folder, to), { recursive: true, verbatimSymlinks: true });
    return join(folder, to);
  };
  const instants = await listInstants(program(copy('whole'), 'push', name), folder, folder);
  let killed = 0;
  const chosen = some(instants);
  for (const instant of chosen) {
    const root = copy(`${instant.call}-${instant.nth}`);
    if (await runKilledAt(program(root, 'push', name), instant)) killed++;
    checkStore(root, { leftovers: true });
    const digests = () => [...(readRepositories(root).get(`${host}/x`)?.keys() ?? [])].length;
    assert.ok([1, 2].includes(digests()));
    await push(name, { root });
    checkStore(root);
    assert.equal(digests(), 2);
    assert.deepEqual(temporaryFiles(root), []);
  }
  assert.ok(killed > chosen.length * 0.5, `only ${killed} runs were killed`);
});

test('ten imports of the same archive at once', { skip, timeout: 60_000 }, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  writeFileSync(join(folder, 'files.tar'), archive);
  const runs = [...Array(10).keys()].map((n) =>
    cli('tsimage', root, ['import', join(folder, 'files.tar'), `made:${n}`]),
  );
  for (const { status, stderr } of await Promise.all(runs)) assert.equal(status, 0, stderr);
  checkStore(root);
  assert.equal(readRepositories(root).get('made')?.size, 10);
});

test('a full disk: no import, nothing left, and a push needs no room', { skip, timeout: 60_000 }, async (t) => {
  const folder = tempDir(t);
  const { host, manifests } = await startUploadRegistry(t);
  const disk = tmpfsDisk(t, 'size=3m');
  const root = join(disk.path, 'root');
  writeFileSync(join(folder, 'files.tar'), archive);
  writeFileSync(join(folder, 'big.tar'), tar(file('big', '', { content: randomBytes(6_000_000) })));
  await importImage(join(folder, 'files.tar'), `${host}/x:1`, { root });
  const before = openImageDb(root).ids();
  const { status, stdout, stderr } = await cli('tsimage', root, ['import', join(folder, 'big.tar'), 'big:1']);
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  assert.match(stderr, /cannot write to the data root ".*": .*no space left/i);
  assert.deepEqual(openImageDb(root).ids(), before);
  checkStore(root);
  mkdirSync(join(disk.path, 'filler'));
  const fill = () => writeFileSync(join(disk.path, 'filler/x'), Buffer.alloc(3_000_000));
  assert.throws(fill, /ENOSPC/);
  const pushed = await cli('tsimage', root, ['push', `${host}/x:1`]);
  assert.ok(manifests.has('1'), 'the registry has the image');
  // Only what is remembered of it finds no room.
  if (pushed.status !== 0) assert.match(pushed.stderr, /no space left/i);
  checkStore(root);
});
