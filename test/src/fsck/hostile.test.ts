/** Data roots that somebody has made to hurt whoever examines them: nothing blocks, nothing outside is read, written or removed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { listLayers, readLayer } from '../../../store/layers/layer-db.js';
import { bundledProgram } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { makeFsckRoot } from '../../support/fsck-root.js';
import { missing } from '../../support/needs.js';
import { describeTree } from '../../support/tree.js';

const skip = missing('root', 'mkfifo', 'timeout');

/** Ends by itself, whatever the root does to it. */
async function fsck(root: string, ...args: string[]) {
  const command = ['20', process.execPath, bundledProgram('tsimage'), '--root', root, 'fsck', ...args];
  const result = await run('timeout', command);
  assert.ok([0, 1, 2].includes(result.status ?? -1), `${args}: ${result.status} ${result.stderr}`);
  assert.doesNotMatch(result.stderr, /internal error/);
  return result;
}

const placed: [what: string, place: (path: string, outside: string) => void][] = [
  ['a fifo', (path) => execFileSync('mkfifo', [path])],
  ['a device without end', (path) => execFileSync('mknod', [path, 'c', '1', '5'])],
  ['a link to a file outside', (path, outside) => symlinkSync(join(outside, 'secret'), path)],
  ['a link to a folder outside', (path, outside) => symlinkSync(outside, path)],
  ['a link to itself', (path) => symlinkSync(path, path)],
  ['a directory', (path) => mkdirSync(join(path, 'inner'), { recursive: true })],
  [
    'a file of a terabyte',
    (path) => {
      const fd = openSync(path, 'w');
      ftruncateSync(fd, 2 ** 40);
      closeSync(fd);
    },
  ],
  ['text that leads elsewhere', (path) => writeFileSync(path, '../../../../../../etc/passwd\0x')],
];

test('in the place of each kind of file', { skip, timeout: 600_000 }, async (t) => {
  const { root: good } = await makeFsckRoot(t);
  const outside = `${good}-outside`;
  mkdirSync(join(outside, 'sub'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'the content of a secret');
  writeFileSync(join(outside, 'sub/file'), 'x');
  const before = describeTree(outside);
  const [chainId] = listLayers(good).slice(-1);
  assert.ok(chainId);
  const record = `image/overlay2/layerdb/sha256/${chainId.slice(7)}`;
  const layer = `overlay2/${readLayer(good, chainId)?.cacheId}`;
  const places = [
    ...['diff', 'size', 'cache-id', 'parent', 'tar-split.json.gz'].map((name) => `${record}/${name}`),
    ...['link', 'lower', 'diff', 'work', 'committed'].map((name) => `${layer}/${name}`),
    record,
    layer,
    `overlay2/l/${readFileSync(join(good, layer, 'link'), 'utf8')}`,
    'image/overlay2/repositories.json',
    `image/overlay2/imagedb/content/sha256/${readdirSync(join(good, 'image/overlay2/imagedb/content/sha256'))[0]}`,
    `tspull/layers/${chainId.slice(7)}`,
    'overlay2/l',
    'image/overlay2/distribution',
  ];
  const root = `${good}-hostile`;
  for (const [at, path] of places.entries())
    for (const [what, place] of placed.filter((_, kind) => (kind + at) % 4 === 0)) {
      execFileSync('rm', ['-rf', root]);
      execFileSync('cp', ['-a', good, root]);
      rmSync(join(root, path), { recursive: true, force: true });
      place(join(root, path), outside);
      const { stdout } = await fsck(root);
      assert.doesNotMatch(stdout, /content of a secret/, `${what} at ${path}`);
      await fsck(root, '--repair', '--quick');
      assert.deepEqual(describeTree(outside), before, `${what} at ${path}`);
    }
});

test('records that lie about names and sizes', { skip, timeout: 120_000 }, async (t) => {
  const { root: good } = await makeFsckRoot(t);
  const root = `${good}-lies`;
  const chainId = listLayers(good)[0];
  assert.ok(chainId);
  const path = join(root, 'image/overlay2/layerdb/sha256', chainId.slice(7), 'tar-split.json.gz');
  const line = (record: object) => `${JSON.stringify(record)}\n`;
  const lies = [
    line({ type: 1, name: '../../../../etc/passwd', size: 10, payload: 'AAAAAAAAAAA=', position: 0 }),
    line({ type: 1, name: 'x', size: Number.MAX_SAFE_INTEGER, payload: 'AAAAAAAAAAA=', position: 0 }),
    line({ type: 2, payload: Buffer.alloc(512 * 300, 'a').toString('base64'), position: 0 }),
    line({ type: 2, payload: '', position: 0 }).repeat(10_000),
    `{"type":2,"payload":"${'A'.repeat(70 * 1024 * 1024)}`,
    '\n'.repeat(1_000_000),
    '[]',
  ];
  for (const lie of lies) {
    rmSync(root, { recursive: true, force: true });
    execFileSync('cp', ['-a', good, root]);
    writeFileSync(path, gzipSync(lie));
    const { status, stdout } = await fsck(root);
    assert.equal(status, 1);
    assert.match(stdout, /tar-split\.json\.gz|diff/);
    assert.equal((await fsck(root, '--repair')).status, 0, lie.slice(0, 60));
  }
});

test('a tree whose names are hostile', { skip, timeout: 60_000 }, async (t) => {
  const { root, check, repair } = await makeFsckRoot(t);
  const [chainId] = listLayers(root);
  assert.ok(chainId);
  const diff = join(root, 'overlay2', readLayer(root, chainId)?.cacheId ?? '', 'diff');
  writeFileSync(Buffer.concat([Buffer.from(`${diff}/`), Buffer.from([0xff, 0x1b, 0x5b, 0x32, 0x4a])]), 'x');
  execFileSync('mkfifo', [join(diff, 'fifo')]);
  execFileSync('mknod', [join(diff, 'zero'), 'c', '1', '5']);
  let deep = join(diff, 'deep');
  for (let depth = 0; depth < 40; depth++) deep = join(deep, 'd'.repeat(90));
  mkdirSync(deep, { recursive: true });
  const { findings } = await check();
  assert.ok(findings.filter(({ problem }) => problem === 'the layer has no such file').length === 4);
  const { stdout } = await fsck(root);
  assert.doesNotMatch(stdout, /\x1b/);
  assert.ok((await repair()).clean);
});
