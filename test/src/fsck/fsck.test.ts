/** `tsimage fsck` as people and programs run it, and what a repair keeps its hands off. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsck } from '../../../src/fsck/fsck.js';
import type { FsckReport } from '../../../src/fsck/report.js';
import { listLayers, readLayer } from '../../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../../store/layers/lease.js';
import { setXattr } from '../../../store/linux/xattr.js';
import { cli } from '../../support/cli.js';
import { makeFsckRoot } from '../../support/fsck-root.js';
import { makeImages } from '../../support/image-root.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');

/** The tree of the layer that has this path. */
function treeWith(root: string, path: string): { chainId: string; cacheId: string; diff: string } {
  for (const chainId of listLayers(root)) {
    const cacheId = readLayer(root, chainId)?.cacheId ?? '';
    const diff = join(root, 'overlay2', cacheId, 'diff');
    if (existsSync(join(diff, path))) return { chainId, cacheId, diff };
  }
  throw new Error(`no layer has ${path}`);
}

const shown = ({ findings }: FsckReport) => findings.map(({ file, problem }) => [file, problem]);

test('statuses, text and JSON', { skip, timeout: 120_000 }, async (t) => {
  const { root, image } = await makeFsckRoot(t);
  const clean = await cli('tsimage', root, ['fsck']);
  assert.deepEqual([clean.status, clean.stderr], [0, '']);
  assert.match(clean.stdout, /^1 image, 4 layers, [\d.]+kB read: clean\n$/);
  const { chainId, cacheId, diff } = treeWith(root, 'etc/b');
  writeFileSync(join(diff, 'etc/b'), 'x');
  const found = await cli('tsimage', root, ['fsck']);
  assert.equal(found.status, 1);
  assert.match(
    found.stdout,
    new RegExp(`overlay2/${cacheId}/diff/etc/b: its content has changed \\(layer ${chainId.slice(7, 19)}`),
  );
  const quick = await cli('tsimage', root, ['fsck', '--quick']);
  assert.equal(quick.status, 0);
  const json = await cli('tsimage', root, ['fsck', '--json', '--repair']);
  assert.equal(json.status, 0);
  const report = JSON.parse(json.stdout);
  assert.deepEqual([report.version, report.clean, report.layers, report.images], [1, true, image.layers.length, 1]);
  assert.ok(
    report.findings.every(
      (finding: { repaired: boolean; layer: string }) => finding.repaired && finding.layer === chainId,
    ),
  );
  assert.equal(readFileSync(join(treeWith(root, 'etc/b').diff, 'etc/b'), 'utf8'), 'b'.repeat(3000));
  assert.equal(readLayer(root, chainId as never)?.cacheId, cacheId);
  const absent = await cli('tsimage', join(root, 'nowhere'), ['fsck', '--json']);
  assert.equal(absent.status, 2);
  assert.equal(JSON.parse(absent.stdout).error.code, 'E_STORE_IO');
});

test('modes, owners, times, attributes, links and names of a tree', { skip, timeout: 120_000 }, async (t) => {
  const { root, check, repair, describe } = await makeFsckRoot(t);
  const good = describe();
  const { diff } = treeWith(root, 'etc/b');
  const changes: [file: string | undefined, problem: RegExp, change: () => void][] = [
    ['etc/b', /mode/, () => chmodSync(join(diff, 'etc/b'), 0o755)],
    ['etc/b', /time/, () => utimesSync(join(diff, 'etc/b'), 1, 1)],
    ['etc/b', /attribute/, () => setXattr(join(diff, 'etc/b'), 'user.more', Buffer.from('x'))],
    ['etc/more', /no such file/, () => writeFileSync(join(diff, 'etc/more'), 'x')],
    ['etc/a', /missing/, () => rmSync(join(diff, 'etc/a'))],
    ['etc', /attribute/, () => setXattr(join(diff, 'etc'), 'trusted.overlay.opaque', Buffer.from('y'))],
    [
      'etc/c',
      /same file/,
      () => {
        rmSync(join(diff, 'etc/c'));
        writeFileSync(join(diff, 'etc/c'), 'b'.repeat(3000));
      },
    ],
    [
      'etc/link',
      /points elsewhere/,
      () => {
        rmSync(join(diff, 'etc/link'));
        symlinkSync('/etc/shadow', join(diff, 'etc/link'));
      },
    ],
    [
      'etc/c',
      /something else/,
      () => {
        rmSync(join(diff, 'etc/c'));
        mkdirSync(join(diff, 'etc/c'));
      },
    ],
    ['etc/b-too', /no such file/, () => linkSync(join(diff, 'etc/b'), join(diff, 'etc/b-too'))],
  ];
  for (const [file, problem, change] of changes) {
    change();
    const report = await check();
    assert.ok(
      report.findings.some((finding) => finding.file === file && problem.test(finding.problem)),
      `${file} ${problem}: ${JSON.stringify(shown(report))}`,
    );
    assert.ok((await repair()).clean);
    assert.deepEqual(describe(), good);
  }
});

test('a layer that somebody relies on is not swapped', { skip, timeout: 60_000 }, async (t) => {
  const { root, repair, layerRequests } = await makeFsckRoot(t);
  const { chainId, diff } = treeWith(root, 'd/x');
  writeFileSync(join(diff, 'd/x'), 'rotten');
  const before = layerRequests().length;
  const lease = tryHoldLayer(root, chainId as never, 'shared');
  assert.ok(lease);
  const report = await repair();
  lease.release();
  assert.equal(report.clean, false);
  assert.match(report.findings[0]?.reason ?? '', /relies on it/);
  assert.equal(readFileSync(join(diff, 'd/x'), 'utf8'), 'rotten');
  assert.equal(layerRequests().length, before);
  assert.ok((await repair()).clean);
});

test('what a container wrote is never an orphan', { skip, timeout: 60_000 }, async (t) => {
  const { root, name, check, repair } = await makeFsckRoot(t);
  const created = await cli('tscontainer', root, ['create', '--network=none', name, 'sh']);
  assert.equal(created.status, 0, created.stderr);
  const id = created.stdout.trim();
  assert.ok((await check()).clean);
  const entry = join(root, 'image/overlay2/layerdb/mounts', id);
  const mountId = readFileSync(join(entry, 'mount-id'), 'utf8');
  const wrote = join(root, 'overlay2', mountId, 'diff/precious');
  writeFileSync(wrote, 'x');
  const before = describeEntry(entry);
  await t.test('its entry in mounts is gone', async () => {
    rmSync(entry, { recursive: true });
    assert.equal((await check()).clean, false);
    assert.ok((await repair()).clean);
    assert.deepEqual(describeEntry(entry), before);
  });
  for (const field of ['mount-id', 'init-id', 'parent'])
    await t.test(`a byte of ${field}`, async () => {
      const text = readFileSync(join(entry, field), 'utf8');
      writeFileSync(join(entry, field), `${text.slice(0, -7)}x${text.slice(-6)}`);
      assert.equal((await check()).clean, false);
      assert.ok((await repair()).clean);
      assert.deepEqual(describeEntry(entry), before);
    });
  await t.test('entry and record are gone', async () => {
    rmSync(entry, { recursive: true });
    renameSync(join(root, 'tspull/containers', id), join(root, 'kept'));
    const report = await repair();
    assert.equal(report.clean, false);
    assert.ok(report.findings.every(({ repaired, repair: kind }) => !repaired && kind === 'none'));
    assert.equal(readFileSync(wrote, 'utf8'), 'x');
  });
});

function describeEntry(entry: string): [string, string][] {
  return readdirSync(entry)
    .sort()
    .map((name) => [name, readFileSync(join(entry, name), 'utf8')]);
}

test('orphans are listed, and removed by a repair', { skip, timeout: 60_000 }, async (t) => {
  const { root, check, repair, describe } = await makeFsckRoot(t);
  const good = describe();
  const paths = [
    `overlay2/${'9'.repeat(64)}`,
    'image/overlay2/layerdb/tmp/write-set-1',
    `image/overlay2/imagedb/metadata/sha256/${'8'.repeat(64)}`,
  ];
  for (const path of paths) mkdirSync(join(root, path, 'diff'), { recursive: true });
  symlinkSync('../nowhere/diff', join(root, 'overlay2/l/NOTHING'));
  const { findings } = await check();
  assert.deepEqual(findings.map(({ path, repair: kind }) => [path, kind]).sort(), [
    ...[...paths, 'overlay2/l/NOTHING'].sort().map((path) => [path, 'remove']),
  ]);
  assert.ok((await repair()).clean);
  rmSync(join(root, 'image/overlay2/layerdb/tmp'), { recursive: true });
  assert.deepEqual(describe(), good);
});

test('two records with one directory: neither tree is swapped for the other', { skip, timeout: 60_000 }, async (t) => {
  const { root, check, repair, describe, layerRequests } = await makeFsckRoot(t);
  const good = describe();
  const [one, other] = listLayers(root).map((chainId) => join(root, 'image/overlay2/layerdb/sha256', chainId.slice(7)));
  assert.ok(one && other);
  writeFileSync(join(one, 'cache-id'), readFileSync(join(other, 'cache-id')));
  const before = layerRequests().length;
  assert.equal((await check()).clean, false);
  assert.ok((await repair()).clean);
  assert.deepEqual(describe(), good);
  assert.equal(layerRequests().length, before);
});

test('fifty images are looked through within a second', { skip, timeout: 120_000 }, async (t) => {
  const root = join(tempDir(t), 'root');
  const base = Array.from({ length: 4 }, (_, at) => `base ${at}`);
  const images = Array.from({ length: 50 }, (_, at) => ({
    layers: [...base, `a${at}`, `b${at}`, `c${at}`],
    tags: [`image${at}:1`],
  }));
  await makeImages(root, images);
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const began = performance.now();
    const { images: seen } = await fsck({ root, quick: true });
    times.push(performance.now() - began);
    assert.equal(seen, 50);
  }
  t.diagnostic(`${Math.min(...times).toFixed(0)} ms`);
  assert.ok(Math.min(...times) < 1000, `${times}`);
});
