/** A machine that went down shortly after a pull: its layers are proven once, before anybody relies on them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pull } from '../../../src/pull/pull.js';
import { listLayers, readLayer } from '../../../store/layers/layer-db.js';
import { busyboxImage } from '../../e2e/images.js';
import { cli } from '../../support/cli.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const thisBoot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const otherBoot = '11111111-2222-4333-8444-555555555555';

const notes = (root: string) => readdirSync(join(root, 'tspull/unproven'));

function pretendReboot(root: string): void {
  for (const name of notes(root))
    renameSync(join(root, 'tspull/unproven', name), join(root, 'tspull/unproven', name.replace(thisBoot, otherBoot)));
}

function fileWithPasswd(root: string): string {
  const paths = listLayers(root).map((chainId) =>
    join(root, 'overlay2', readLayer(root, chainId)?.cacheId ?? '', 'diff/etc/passwd'),
  );
  const path = paths.find((one) => existsSync(one));
  assert.ok(path);
  return path;
}

test('a good layer is proven by the next use', { skip, timeout: 120_000 }, async (t) => {
  const root = join(tempDir(t), 'root');
  const { name, layerRequests } = await serveImage(t, { image: busyboxImage() });
  await pull(name, { root });
  const noted = notes(root).length;
  assert.ok(noted > 0, 'the last commit leaves notes');
  assert.equal(tsrun(root, ['--rm', '--network=none', name, 'true']).status, 0);
  assert.equal(notes(root).length, noted, 'in the same boot nothing is proven');
  pretendReboot(root);
  assert.equal(tsrun(root, ['--rm', '--network=none', name, 'true']).status, 0);
  assert.deepEqual(notes(root), []);
  const before = layerRequests().length;
  await pull(name, { root });
  assert.equal(layerRequests().length, before);
});

test('a damaged one is refused by a run, and fetched again by a pull', { skip, timeout: 120_000 }, async (t) => {
  const root = join(tempDir(t), 'root');
  const { name, layerRequests } = await serveImage(t, { image: busyboxImage() });
  await pull(name, { root });
  const path = fileWithPasswd(root);
  const good = readFileSync(path, 'utf8');
  pretendReboot(root);
  writeFileSync(path, '\0'.repeat(good.length));
  const refused = tsrun(root, ['--rm', '--network=none', name, 'true']);
  assert.equal(refused.status, 125);
  assert.match(
    refused.stderr,
    /layer sha256:\w+ was pulled shortly before the machine went down, and it is damaged: "etc\/passwd"/,
  );
  assert.equal(tsrun(root, ['--rm', '--network=none', name, 'true']).status, 125, 'and it stays so');
  const before = layerRequests().length;
  const pulled = await cli('tspull', root, ['-q', name]);
  assert.equal(pulled.status, 0, pulled.stderr);
  assert.equal(layerRequests().length, before + 1);
  assert.equal(readFileSync(path, 'utf8'), good);
  assert.deepEqual(notes(root), []);
  assert.equal(tsrun(root, ['--rm', '--network=none', name, 'cat', '/etc/passwd']).stdout, good);
});

test('a later commit of the same boot confirms what is there', { skip, timeout: 60_000 }, async (t) => {
  const root = join(tempDir(t), 'root');
  const first = await serveImage(t, { layers: [tar(file('a', 'a'))] });
  const second = await serveImage(t, { layers: [tar(file('b', 'b'))] });
  await pull(first.name, { root });
  const [note] = notes(root);
  await pull(second.name, { root });
  assert.equal(notes(root).length, 1);
  assert.notEqual(notes(root)[0], note);
});

test('fsck proves them as well', { skip, timeout: 60_000 }, async (t) => {
  const root = join(tempDir(t), 'root');
  const { name } = await serveImage(t, { layers: [tar(file('a', 'a'))] });
  await pull(name, { root });
  pretendReboot(root);
  const { status } = await cli('tsimage', root, ['fsck', '--repair']);
  assert.equal(status, 0);
  assert.deepEqual(notes(root), []);
});
