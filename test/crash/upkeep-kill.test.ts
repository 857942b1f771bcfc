/** `tsimage prune`, `save` and `load` killed at any call that changes the disk: nothing is half there, and the next run ends what was begun. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildImage } from '../../fixtures/registry/image.js';
import { openImageDb } from '../../store/images/image-db.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { base, idOf, middle, one } from '../support/archive-fixture.js';
import { bundledProgram, cli } from '../support/cli.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { type Instant, listInstants, runKilledAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

const skip = missing('root', 'strace');
const POINTS = isLongForm ? 60 : 7;
const timeout = isLongForm ? 600_000 : 120_000;

const own = (name: string) =>
  buildImage({
    layers: [base, middle, tar(file(name))],
    compression: 'none',
    created: `2025-01-0${name.length}T00:00:00Z`,
  });
const images = [one, own('ab'), own('abc')];

const tsimage = (root: string, ...args: string[]): Victim => ({
  command: [process.execPath, bundledProgram('tsimage'), '--root', root, ...args],
});

async function rootWith(folder: string, name: string, count: number): Promise<string> {
  const root = join(folder, name);
  const archive = join(folder, `${name}.tar`);
  writeFileSync(
    archive,
    packFiles(savedFiles(...images.slice(0, count).map((image, at) => ({ image, tags: [`app:${at}`] })))),
  );
  assert.equal((await cli('tsimage', root, ['load', '-i', archive])).status, 0);
  return root;
}

/** Spread over all of its life, the end included. */
async function instantsOf(victim: Victim, folder: string): Promise<Instant[]> {
  const all = await listInstants(victim, folder, folder);
  const stride = Math.max(1, all.length / POINTS);
  const chosen = Array.from({ length: POINTS }, (_, at) => all.at(-1 - Math.floor(at * stride)));
  return chosen.flatMap((instant) => instant ?? []);
}

/** Runs `victim` on a fresh copy for each instant. @returns how often it was killed */
async function sweep(
  t: TestContext,
  {
    from,
    victim,
    check,
  }: { from: string; victim: (folder: string) => Victim; check: (folder: string, shown: string) => Promise<void> },
): Promise<number> {
  const folder = tempDir(t);
  const copy = (name: string) => {
    mkdirSync(join(folder, name));
    execFileSync('cp', ['-a', from, join(folder, name, 'root')]);
    return join(folder, name);
  };
  let killed = 0;
  for (const instant of await instantsOf(victim(copy('clean')), folder)) {
    const place = copy(`${instant.call}-${instant.nth}`);
    if (await runKilledAt(victim(place), instant)) killed++;
    await check(place, `killed at ${instant.call} ${instant.nth}`);
  }
  return killed;
}

const names = (root: string): string[] => [...(readRepositories(root).get('app')?.keys() ?? [])];

test('prune', { skip, timeout }, async (t) => {
  const from = await rootWith(tempDir(t), 'root', 3);
  const args = ['prune', '-f', '--keep-last', '1'];
  const killed = await sweep(t, {
    from,
    victim: (folder) => tsimage(join(folder, 'root'), ...args),
    async check(folder, shown) {
      const root = join(folder, 'root');
      checkStore(root, { leftovers: true });
      assert.ok(names(root).includes('app:2'), shown);
      const { status, stderr } = await cli('tsimage', root, args);
      assert.equal(status, 0, `${shown}: ${stderr}`);
      checkStore(root);
      assert.deepEqual(names(root), ['app:2'], shown);
      assert.deepEqual(
        [openImageDb(root).ids().length, listLayers(root).length],
        [1, 3],
        `${shown}: something was lost`,
      );
      assert.deepEqual(temporaryFiles(root), [], shown);
    },
  });
  assert.ok(killed >= POINTS / 2, `${killed} of ${POINTS} were killed`);
});

test('save', { skip, timeout }, async (t) => {
  const from = await rootWith(tempDir(t), 'root', 2);
  const whole = join(tempDir(t), 'whole.tar');
  assert.equal((await cli('tsimage', from, ['save', '-o', whole, 'app:0', 'app:1'])).status, 0);
  const killed = await sweep(t, {
    from,
    victim: (folder) => tsimage(join(folder, 'root'), 'save', '-o', join(folder, 'out.tar'), 'app:0', 'app:1'),
    async check(folder, shown) {
      const out = join(folder, 'out.tar');
      if (existsSync(out)) execFileSync('cmp', [out, whole]);
      checkStore(join(folder, 'root'));
      // Whatever it held is let go.
      const { status, stderr } = await cli('tsimage', join(folder, 'root'), ['prune', '-af']);
      assert.equal(status, 0, `${shown}: ${stderr}`);
      assert.deepEqual(listLayers(join(folder, 'root')), [], shown);
    },
  });
  assert.ok(killed >= POINTS / 2, `${killed} of ${POINTS} were killed`);
});

test('load of a bundle', { skip, timeout }, async (t) => {
  const home = tempDir(t);
  const [source, from, bundle] = [
    await rootWith(home, 'source', 3),
    await rootWith(home, 'root', 1),
    join(home, 'bundle.tar'),
  ];
  const { stdout } = await cli('tsimage', from, ['state']);
  const made = await cli('tsimage', source, ['bundle', '--for', '-', '-o', bundle, 'app:1', 'app:2'], {
    input: stdout,
  });
  assert.equal(made.status, 0, made.stderr);
  const killed = await sweep(t, {
    from,
    victim: (folder) => tsimage(join(folder, 'root'), 'load', '-i', bundle),
    async check(folder, shown) {
      const root = join(folder, 'root');
      checkStore(root, { leftovers: true });
      assert.ok((openImageDb(root).ids() as string[]).includes(idOf(one)), shown);
      assert.ok([1, 3].includes(names(root).length), `${shown}: ${names(root)}`);
      const { status, stderr } = await cli('tsimage', root, ['load', '-i', bundle]);
      assert.equal(status, 0, `${shown}: ${stderr}`);
      await cli('tsimage', root, ['tag', 'app:0', 'swept:1']);
      checkStore(root);
      assert.deepEqual(names(root), ['app:0', 'app:1', 'app:2'], shown);
      assert.deepEqual(temporaryFiles(root), [], shown);
    },
  });
  assert.ok(killed >= POINTS / 2, `${killed} of ${POINTS} were killed`);
});
