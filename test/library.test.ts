/** The example of docs/library.md, as it stands there, against a registry on loopback. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { demoImage } from '../fixtures/demo-image/demo-image.js';
import { hostTools } from '../fixtures/demo-image/host-tools.js';
import { addImage, emptyContents } from '../fixtures/registry/contents.js';
import { startRegistry } from '../fixtures/registry/registry.js';
import { run } from './support/dockerd.js';
import { addImage as addLayers, busybox, layerRoot } from './support/layer-root.js';
import { missing } from './support/needs.js';
import { repository } from './support/sources.js';
import { file, tar } from './support/tar-builder.js';
import { tempDir } from './support/temp.js';
import { startUploadRegistry } from './support/upload-registry.js';

/** The examples in their order, each in a package that has ours installed. */
function install(t: TestContext): { folder: string; examples: string[] } {
  const page = readFileSync(join(repository, 'docs/library.md'), 'utf8');
  const examples = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, example = '']) => example);
  const folder = tempDir(t);
  const installed = join(folder, 'node_modules/tspull');
  mkdirSync(installed, { recursive: true });
  cpSync(join(repository, 'dist'), join(installed, 'dist'), { recursive: true });
  cpSync(join(repository, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(repository, 'node_modules'), join(installed, 'node_modules'));
  return { folder, examples };
}

test('the example of containers', { skip: missing('root', 'busybox') }, async (t) => {
  const { folder, examples } = install(t);
  const root = layerRoot(t);
  addLayers(root, [busybox], {}, 'bb');
  writeFileSync(join(folder, 'example.mjs'), examples[2] ?? '');
  const { status, stdout, stderr } = await run(process.execPath, ['example.mjs', 'bb', root], { cwd: folder });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), [
    'it says hello',
    'status 0 0',
    'stdout hello',
    "[ 'talker running' ]",
    'E_CANCELLED',
    ...['create', 'attach', 'start', 'die', 'start', 'kill', 'kill', 'die', 'stop', 'destroy'],
  ]);
});

test('the example of an image that is made, pushed and pulled', { skip: missing('root') }, async (t) => {
  const { folder, examples } = install(t);
  writeFileSync(join(folder, 'example.mjs'), examples[1] ?? '');
  writeFileSync(join(folder, 'files.tar'), tar(file('hello', 'hello')));
  const { host } = await startUploadRegistry(t);
  const args = ['example.mjs', 'files.tar', `${host}/made:1`, 'root', 'other'];
  const { status, stdout, stderr } = await run(process.execPath, args, { cwd: folder });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), ['layer 1 is there', 'true']);
});

test('the example of files, volumes and commands', { skip: missing('root', 'busybox') }, async (t) => {
  const { folder, examples } = install(t);
  const root = layerRoot(t);
  addLayers(root, [busybox], {}, 'bb');
  writeFileSync(join(folder, 'example.mjs'), examples[3] ?? '');
  const { status, stdout, stderr } = await run(process.execPath, ['example.mjs', 'bb', root], { cwd: folder });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), ['stored 3', 'true sha256:', "[ 'data example' ]"]);
});

test('the example of the library page', { skip: missing('root') }, async (t) => {
  const { folder, examples } = install(t);
  writeFileSync(join(folder, 'example.mjs'), examples[0] ?? '');

  const contents = emptyContents();
  addImage(contents, 'library/ubuntu', '16.04', await demoImage(hostTools()));
  const registry = await startRegistry({ contents });
  t.after(() => registry.close());
  const name = `${registry.host}/library/ubuntu:16.04`;
  const { status, stdout, stderr } = await run(process.execPath, ['example.mjs', name, join(folder, 'root')], {
    cwd: folder,
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), [
    `${name} false`,
    'true 1',
    'overlay2',
    'NAME="tspull demonstration image"',
    'ID=demo',
    'VERSION_ID="16.04"',
    'status 0',
    'E_NO_IMAGE',
  ]);
  assert.deepEqual(stderr.match(/layer \d is here/g)?.length, 4);
});
