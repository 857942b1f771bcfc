/** `tsimage fsck --repair` killed at any call that changes the disk: the next one makes all well, and the layer is usable meanwhile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsck } from '../../src/fsck/fsck.js';
import { listLayers, readLayer } from '../../store/layers/layer-db.js';
import { bundledProgram } from '../support/cli.js';
import { makeFsckRoot } from '../support/fsck-root.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { describeTree } from '../support/tree.js';
import { type Instant, listInstants, runKilledAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

/** Of the calls, unless all are wanted. */
const POINTS = 40;

test('killed at any call that changes the disk', { skip: missing('root', 'strace'), timeout: 900_000 }, async (t) => {
  const { root: good } = await makeFsckRoot(t);
  const chainId = listLayers(good).at(-1);
  assert.ok(chainId);
  const cacheId = readLayer(good, chainId)?.cacheId ?? '';
  const link = join('overlay2', cacheId, 'link');
  const damage = (root: string) => {
    execFileSync('rm', ['-rf', root]);
    execFileSync('cp', ['-a', good, root]);
    const [file] = execFileSync('find', [join(root, 'overlay2', cacheId, 'diff'), '-type', 'f'], {
      encoding: 'utf8',
    }).split('\n');
    writeFileSync(file ?? '', 'rotten');
    writeFileSync(join(root, link), 'WRONG');
  };
  const tree = (root: string) => describeTree(join(root, 'overlay2', cacheId, 'diff'));
  const repairOf = (root: string): Victim => ({
    command: [process.execPath, bundledProgram('tsimage'), '--root', root, 'fsck', '--repair'],
  });
  const clean = `${good}-clean`;
  damage(clean);
  const instants = await listInstants(repairOf(clean), `${good}/..`, clean);
  assert.deepEqual(tree(clean), tree(good));
  const stride = isLongForm ? 1 : Math.max(1, Math.floor(instants.length / POINTS));
  const chosen = instants.filter((_, at) => (instants.length - 1 - at) % stride === 0);
  assert.ok(chosen.length > 20, `only ${instants.length} calls`);
  let killed = 0;
  const one = async (instant: Instant) => {
    const root = `${good}-${instant.call}-${instant.nth}`;
    damage(root);
    if (await runKilledAt(repairOf(root), instant)) killed++;
    const at = `killed at ${instant.call} ${instant.nth}`;
    assert.ok((await fsck({ root, repair: true })).clean, at);
    assert.ok((await fsck({ root })).clean, at);
    checkStore(root);
    assert.deepEqual(temporaryFiles(root), [], at);
    assert.deepEqual(tree(root), tree(good), at);
    execFileSync('rm', ['-rf', root]);
  };
  for (const instant of chosen) await one(instant);
  assert.ok(killed > chosen.length * 0.8, `only ${killed} runs were killed`);
});
