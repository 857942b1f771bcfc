/** Room on the disk is asked for before a layer is: what cannot fit is refused, what may fit is tried. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { neededSpace } from '../../../src/pull/needed-space.js';
import { pull } from '../../../src/pull/pull.js';
import { cli } from '../../support/cli.js';
import { ext4Disk, tmpfsDisk } from '../../support/loop-disk.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { checkStore } from '../../support/store-state.js';
import { file, type Member, symlink, tar } from '../../support/tar-builder.js';

const skip = missing('root', 'mount', 'mkfs.ext4');
const noise = (bytes: number): Member => file('noise', '', { content: randomBytes(bytes) });
const manyOf = (count: number, make: (at: number) => Member): Buffer =>
  tar(...Array.from({ length: count }, (_, at) => make(at)));

test('too few bytes: refused with numbers, and no layer is asked for', { skip }, async (t) => {
  const { name, image, layerRequests } = await serveImage(t, {
    layers: [tar(noise(3_000_000)), tar(noise(2_000_000))],
  });
  const size = image.layers.reduce((sum, { length }) => sum + length, 0);
  for (const disk of [tmpfsDisk(t, 'size=4m'), ext4Disk(t, 4)]) {
    const root = join(disk.path, 'root');
    const { status, stderr } = await cli('tspull', root, ['-q', name]);
    assert.equal(status, 1);
    const [, needed, free] =
      /no space left for 2 layers: at least (\d+) bytes and \d+ inodes are needed, (\d+) bytes and \d+ inodes are free/.exec(
        stderr,
      ) ?? assert.fail(stderr);
    assert.ok(Number(needed) > size * 0.85 && Number(needed) <= size, `${needed} of ${size}`);
    assert.ok(Number(free) < Number(needed));
    assert.match(stderr, /hint: about \d+ bytes and \d+ inodes are likely to be used/);
    assert.deepEqual(layerRequests(), []);
    assert.equal(existsSync(join(root, 'image/overlay2/repositories.json')), false);
    checkStore(root);
  }
});

test('too few inodes: refused with numbers, and no layer is asked for', { skip }, async (t) => {
  const layers = Array.from({ length: 40 }, (_, at) => tar(file(`f${at}`, 'x')));
  const { name, layerRequests } = await serveImage(t, { layers });
  for (const disk of [tmpfsDisk(t, 'size=16m,nr_inodes=200'), ext4Disk(t, 16, '-N', '200')]) {
    const root = join(disk.path, 'root');
    const { status, stderr } = await cli('tspull', root, ['-q', name]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /no space left for 40 layers: at least \d+ bytes and 360 inodes are needed, .* inodes are free/,
    );
    assert.deepEqual(layerRequests(), []);
    checkStore(root);
  }
});

test('what is here counts as nothing, and a disk without bounds holds everything', { skip }, async (t) => {
  const disk = tmpfsDisk(t, 'size=4m');
  const root = join(disk.path, 'root');
  const layers = [tar(noise(2_500_000))];
  const first = await serveImage(t, { layers });
  await pull(first.name, { root });
  const second = await serveImage(t, { layers: [...layers, tar(file('small', 'x'))] });
  await pull(second.name, { root });
  checkStore(root);
  const boundless = tmpfsDisk(t, 'size=0,nr_inodes=0');
  assert.equal(statfsSync(boundless.path).blocks, 0);
  await pull(second.name, { root: join(boundless.path, 'root') });
});

const shapes: [what: string, layers: Buffer[]][] = [
  ['one large file', [tar(noise(400_000))]],
  ['thousands of empty files', [manyOf(5000, (at) => file(`f${at}`, ''))]],
  ['thousands of links', [manyOf(5000, (at) => symlink(`s${at}`, 'x'))]],
  ['whiteouts', [tar(file('a', 'x')), manyOf(2000, (at) => file(`.wh.f${at}`, ''))]],
  ['forty layers of one byte', Array.from({ length: 40 }, (_, at) => tar(file(`f${at}`, 'x')))],
  ['zeros', [tar(file('z', '', { content: Buffer.alloc(1_000_000) }))]],
];
for (const [what, layers] of shapes)
  for (const compression of ['gzip', 'none'] as const)
    test(`${what}, ${compression}: at least as much is used as is asked for`, { skip }, async (t) => {
      const { name, image } = await serveImage(t, { layers, compression });
      const disk = tmpfsDisk(t, 'size=32m');
      const root = join(disk.path, 'root');
      const empty = await serveImage(t, { layers: [tar(file('first', 'x'))] });
      await pull(empty.name, { root });
      const before = statfsSync(root);
      await pull(name, { root });
      const after = statfsSync(root);
      const mediaType = `application/vnd.docker.image.rootfs.diff.tar${compression === 'gzip' ? '.gzip' : ''}`;
      const { least } = neededSpace(image.layers.map(({ length }) => ({ size: length, mediaType })));
      assert.ok((before.bfree - after.bfree) * after.bsize >= least.bytes);
      assert.ok(before.ffree - after.ffree >= least.inodes);
    });
