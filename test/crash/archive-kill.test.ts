/** `tspull` killed while it takes images from an archive: all of them or none, and nothing stays that has to be found again. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pullAll } from '../../src/pull/pull.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { one, two } from '../support/archive-fixture.js';
import { bundledProgram, cli } from '../support/cli.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { listInstants, runKilledAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

const POINTS = 16;

test('killed at any call that changes the disk, two images become visible together or not', {
  skip: missing('root', 'strace'),
}, async (t) => {
  const folder = tempDir(t);
  const archive = join(folder, 'two.tar.gz');
  const files = savedFiles({ image: one, tags: ['one:1'] }, { image: two, tags: ['two:1'] });
  // Compressed, so that it is kept on the disk for a while.
  writeFileSync(archive, gzipSync(packFiles(files)));
  const source = `docker-archive:${archive}`;
  const pullTo = (root: string): Victim => ({
    command: [process.execPath, bundledProgram('tspull'), '--root', root, '-q', source],
  });
  const instants = await listInstants(pullTo(join(folder, 'clean')), folder);
  const stride = Math.max(1, instants.length / POINTS);
  let visible = 0;
  for (let at = 0; at < POINTS; at++) {
    const instant = instants.at(-1 - Math.floor(at * stride));
    if (instant === undefined) continue;
    const shown = `killed at ${instant.call} ${instant.nth}`;
    const root = join(folder, `${instant.call}-${instant.nth}`);
    await runKilledAt(pullTo(root), instant);
    if (!existsSync(root)) continue;
    checkStore(root, { leftovers: true });
    const names = [...readRepositories(root).keys()].sort();
    assert.ok(names.length === 0 || names.join() === 'one,two', `${shown}: ${names}`);
    if (names.length > 0) visible++;
    await pullAll(source, { root });
    // A writer sweeps what it finds at its start; an up-to-date pull is none.
    await cli('tsimage', root, ['tag', 'one:1', 'swept:1']);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), [], shown);
  }
  assert.ok(visible > 0 && visible < POINTS / 2, `${visible} of ${POINTS} kills came after the images were recorded`);
});
