/** The power fails: what tspull reported as done is there, every byte; what it did not is complete or absent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pull } from '../../src/pull/pull.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { bundledProgram, cli } from '../support/cli.js';
import { run } from '../support/dockerd.js';
import { layerTree } from '../support/layer-compare.js';
import { ext4Disk, powerCuts } from '../support/loop-disk.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, type Member, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'mkfs.ext4', 'mount');

const manyFiles = (folder: string): Buffer =>
  tar(
    dir(folder),
    ...Array.from({ length: 200 }, (_, at): Member => file(`${folder}/${at}`, '', { content: randomBytes(3000) })),
    symlink(`${folder}/link`, '0'),
    file('.wh.gone', ''),
  );
const layers = [manyFiles('a'), manyFiles('b'), tar(file('big', '', { content: randomBytes(1_000_000) }))];

for (const [kind, flag] of Object.entries(powerCuts))
  test(`the rig loses what a program does not sync (${kind})`, { skip }, async (t) => {
    const disk = ext4Disk(t, 512);
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

for (const [kind, flag] of Object.entries(powerCuts))
  test(`power cut (${kind}) right after success: nothing is lost`, { skip }, async (t) => {
    const since = Date.now();
    const { name } = await serveImage(t, { layers });
    const whole = join(tempDir(t), 'root');
    await pull(name, { root: whole });
    const disk = ext4Disk(t, 512);
    for (let round = 0; round < 5; round++) {
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

test('power cuts at any time during a pull', { skip }, async (t) => {
  const { name } = await serveImage(t, { layers });
  const disk = ext4Disk(t, 512);
  const started = performance.now();
  assert.equal((await cli('tspull', join(disk.path, 'whole'), ['-q', name])).status, 0);
  const time = performance.now() - started;
  for (let round = 0; round < 12; round++) {
    const root = join(disk.path, `round-${round}`);
    const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', name], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await delay(time * (0.4 + 0.6 * (round / 12)));
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
