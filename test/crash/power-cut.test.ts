/** The power fails: what tspull reported as done is there, every byte; what it did not is complete or absent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { on, trickleChunks } from '../../fixtures/registry/faults.js';
import { pull } from '../../src/pull/pull.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { bundledProgram, cli } from '../support/cli.js';
import { run } from '../support/dockerd.js';
import { layerTree } from '../support/layer-compare.js';
import { isLongForm } from '../support/long-form.js';
import { type Disk, ext4Disk, powerCuts, xfsDisk } from '../support/loop-disk.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, type Member, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'mkfs.ext4', 'mkfs.xfs', 'mount');
const fileSystems: Record<string, (t: TestContext) => Disk> = { ext4: (t) => ext4Disk(t, 512), xfs: xfsDisk };
/** The long form has more rounds. */
const EFFORT = isLongForm ? 8 : 1;
const cuts = Object.entries(fileSystems).flatMap(([system, makeDisk]) =>
  Object.entries(powerCuts).map(([kind, flag]) => ({ kind: `${kind}, ${system}`, flag, makeDisk })),
);

const manyFiles = (folder: string): Buffer =>
  tar(
    dir(folder),
    ...Array.from({ length: 200 }, (_, at): Member => file(`${folder}/${at}`, '', { content: randomBytes(3000) })),
    symlink(`${folder}/link`, '0'),
    file('.wh.gone', ''),
  );
const layers = [manyFiles('a'), manyFiles('b'), tar(file('big', '', { content: randomBytes(1_000_000) }))];

for (const { kind, flag, makeDisk } of cuts)
  test(`the rig loses what a program does not sync (${kind})`, { skip }, async (t) => {
    const disk = makeDisk(t);
    const { name } = await serveImage(t, { layers: layers.slice(2) });
    const from = join(tempDir(t), 'root');
    await pull(name, { root: from });
    // Not cpSync: it truncates each new file, and what is truncated and closed ext4 writes out at once.
    assert.equal((await run('cp', ['-a', from, join(disk.path, 'copy')])).status, 0);
    disk.cut(flag);
    assert.throws(() => {
      assert.ok(existsSync(join(disk.path, 'copy/image/overlay2/repositories.json')), 'all is gone');
      checkStore(join(disk.path, 'copy'), { leftovers: true });
    });
  });

for (const { kind, flag, makeDisk } of cuts)
  test(`power cut (${kind}) right after success: nothing is lost`, { skip }, async (t) => {
    const since = Date.now();
    const { name } = await serveImage(t, { layers });
    const whole = join(tempDir(t), 'root');
    await pull(name, { root: whole });
    const disk = makeDisk(t);
    for (let round = 0; round < 2 * EFFORT; round++) {
      const root = join(disk.path, `round-${round}`);
      const { status, stderr } = await cli('tspull', root, ['-q', name]);
      assert.equal(status, 0, stderr);
      disk.cut(flag);
      checkStore(root);
      for (const chainId of listLayers(whole))
        assert.deepEqual(layerTree(root, chainId, since), layerTree(whole, chainId, since));
      const again = await cli('tspull', root, [name]);
      assert.match(again.stderr, /Image is up to date/);
    }
  });

for (const [system, makeDisk] of Object.entries(fileSystems))
  test(`power cuts at any time during a pull (${system})`, { skip }, async (t) => {
    const { name } = await serveImage(t, { layers });
    const disk = makeDisk(t);
    const started = performance.now();
    assert.equal((await cli('tspull', join(disk.path, 'whole'), ['-q', name])).status, 0);
    const time = performance.now() - started;
    for (let round = 0; round < 6 * EFFORT; round++) {
      const root = join(disk.path, `round-${round}`);
      const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', name], {
        stdio: 'ignore',
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await delay(time * (0.4 + 0.6 * (round / (6 * EFFORT))));
      child.kill('SIGSTOP');
      child.kill('SIGKILL');
      await ended;
      disk.cut(round % 2 === 0 ? powerCuts.plain : powerCuts.journalFirst);
      if (existsSync(root)) checkStore(root, { leftovers: true });
      await pull(name, { root });
      await cli('tsimage', root, ['tag', name, 'swept:1']);
      checkStore(root);
      assert.equal(readdirSync(join(root, 'image/overlay2/layerdb/sha256')).length, layers.length);
      assert.ok(statSync(join(root, 'image/overlay2/repositories.json')).size > 0);
    }
  });

/** The lowest layer is large, and comes slowly from its third megabyte on. */
const download = [tar(file('large', '', { content: randomBytes(6_000_000) })), ...layers];
const PROMPT = 2_000_000;
const slowly = on(/\/blobs\//, (question, answer, response) =>
  answer.body.length > PROMPT ? trickleChunks(256 * 1024, 100)(question, answer, response) : answer,
);

for (const { kind, flag, makeDisk } of cuts)
  test(`power cut (${kind}) while layers are downloaded: one word, and what was on the disk is used`, {
    skip,
  }, async (t) => {
    const { registry, image, name } = await serveImage(t, { layers: download, compression: 'none', fault: slowly });
    const size = image.layers.reduce((sum, { length }) => sum + length, 0);
    const disk = makeDisk(t);
    const root = join(disk.path, 'root');
    const pulling = cli('tspull', root, ['-q', name]);
    while (registry.sentBytes() < size - 3_000_000) await delay(5);
    // The kernel would write it within half a minute.
    assert.equal((await run('sync', ['-f', disk.path])).status, 0);
    const written = registry.sentBytes();
    while (registry.sentBytes() < written + 600_000) await delay(5);
    disk.powerOff(flag);
    const { status, stdout, stderr } = await pulling;
    assert.equal(status, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /cannot write to the data root ".*": the (device reported an error|file system is read-only)/);
    disk.powerOn();
    checkStore(root, { leftovers: true });
    assert.equal((await cli('tsimage', root, ['ls', '-aq'])).stdout, '');
    const before = registry.sentBytes();
    const again = await cli('tspull', root, ['-q', name]);
    assert.equal(again.status, 0, again.stderr);
    const sent = registry.sentBytes() - before;
    assert.ok(sent < size - written + 1_500_000, `${sent} bytes again, of ${size}, after ${written} were on the disk`);
    disk.cut(flag);
    checkStore(root);
    assert.deepEqual(readdirSync(join(root, 'tspull/partial')), []);
    assert.match((await cli('tspull', root, [name])).stderr, /Image is up to date/);
  });
