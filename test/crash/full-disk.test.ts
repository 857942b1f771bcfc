/** A disk with nothing left: what gives room back works all the same. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildImage } from '../../fixtures/registry/image.js';
import { isErrno } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { cli } from '../support/cli.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { type Disk, ext4Disk, tmpfsDisk } from '../support/loop-disk.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { temporaryFiles } from './leftovers.js';

const skip = missing('root', 'mount', 'mkfs.ext4');

const layer = (name: string) => tar(file(name, '', { content: randomBytes(200_000) }));
const base = layer('base');
const images = ['one', 'two'].map((name) => buildImage({ layers: [base, layer(name)], compression: 'none' }));

function untilFull(write: () => void): void {
  try {
    for (;;) write();
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error;
  }
}

function fillBytes({ path }: Disk): void {
  for (const size of [1024 * 1024, 4096, 1]) {
    const fd = openSync(join(path, 'filler'), 'a');
    try {
      untilFull(() => writeSync(fd, Buffer.alloc(size)));
    } finally {
      closeSync(fd);
    }
  }
  // ext4 keeps some blocks from everybody for its own work.
  assert.equal(statfsSync(path).bavail, 0);
}

function fillInodes({ path }: Disk): void {
  mkdirSync(join(path, 'filler'));
  let at = 0;
  untilFull(() => writeFileSync(join(path, 'filler', String(at++)), ''));
  assert.equal(statfsSync(path).ffree, 0);
}

interface Case {
  name: string;
  disk: (t: TestContext) => Disk;
  fill: (disk: Disk) => void;
}

const cases: Case[] = [
  { name: 'tmpfs, 0 bytes', disk: (t) => tmpfsDisk(t, 'size=4m'), fill: fillBytes },
  { name: 'tmpfs, 0 inodes', disk: (t) => tmpfsDisk(t, 'size=8m,nr_inodes=300'), fill: fillInodes },
  { name: 'ext4, 0 bytes', disk: (t) => ext4Disk(t, 16, '-m', '0'), fill: fillBytes },
  { name: 'ext4, 0 inodes', disk: (t) => ext4Disk(t, 16, '-N', '256'), fill: fillInodes },
];

/** The archive lies elsewhere. */
function archiveOf(t: TestContext): string {
  const path = join(tempDir(t), 'images.tar');
  const saved = images.map((image, at) => ({ image, tags: [`image:${at}`] }));
  writeFileSync(path, packFiles(savedFiles(...saved)));
  return path;
}

for (const { name, disk: makeDisk, fill } of cases) {
  test(`${name}: images are pruned`, { skip, timeout: 120_000 }, async (t) => {
    const disk = makeDisk(t);
    const root = join(disk.path, 'root');
    const loaded = await cli('tsimage', root, ['load', '-i', archiveOf(t)]);
    assert.equal(loaded.status, 0, loaded.stderr);
    fill(disk);
    const again = await cli('tsimage', root, ['prune', '-f', '--keep-last', '1']);
    assert.equal(again.status, 0, again.stderr);
    assert.equal(openImageDb(root).ids().length, 1);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), []);
    // What the first one gave back is taken again, and the reserve with it: the copy of the names has to do.
    rmSync(join(root, 'tspull/reserve'), { force: true });
    rmSync(join(disk.path, 'filler'), { recursive: true });
    fill(disk);
    const rest = await cli('tsimage', root, ['prune', '-af']);
    assert.equal(rest.status, 0, rest.stderr);
    assert.deepEqual([openImageDb(root).ids(), listLayers(root)], [[], []]);
    checkStore(root);
  });

  test(`${name}: a load fails well, and what was there stays`, { skip, timeout: 120_000 }, async (t) => {
    const disk = makeDisk(t);
    const root = join(disk.path, 'root');
    const [first, second] = images.map((image, at) => {
      const path = join(tempDir(t), 'image.tar');
      writeFileSync(path, packFiles(savedFiles({ image, tags: [`image:${at}`] })));
      return path;
    });
    assert.equal((await cli('tsimage', root, ['load', '-i', first ?? ''])).status, 0);
    fill(disk);
    const { status, stdout, stderr } = await cli('tsimage', root, ['load', '-i', second ?? '']);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /cannot write to the data root ".*": .*no space left|ENOSPC/i);
    assert.doesNotMatch(stderr, /bug in tspull/);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), []);
    const listed = await cli('tsimage', root, ['ls', '--format', '{{.Repository}}:{{.Tag}}']);
    assert.equal(listed.stdout, 'image:0\n');
    assert.equal((await cli('tsimage', root, ['prune', '-af'])).status, 0);
    rmSync(join(disk.path, 'filler'), { recursive: true });
    assert.equal((await cli('tsimage', root, ['load', '-i', second ?? ''])).status, 0);
    checkStore(root);
  });
}
