/** One call that changes the disk fails, whichever: a clear word, nothing half-made, and the next pull makes all well. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listLayers } from '../../store/layers/layer-db.js';
import { bundledProgram, cli } from '../support/cli.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, hardlink, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { type Instant, listInstants, runFailingAt, type Victim } from './kill-sweep.js';
import { temporaryFiles } from './leftovers.js';

/** So many calls, or in the long form all. */
const POINTS = 24;

const layers = [
  tar(dir('bin'), file('bin/sh', 'shell'), symlink('bin/a', 'sh'), hardlink('bin/b', 'bin/sh'), file('bin/.wh.c', '')),
  tar(dir('d'), file('d/.wh..wh..opq', ''), file('d/x', '', { content: Buffer.alloc(200_000, 'x') })),
];

/** What the kernel says when the disk is full, broken, or no longer writable; locks and the like fail in none of these ways. */
const failures: Record<string, RegExp> = {
  ENOSPC: /^(write|pwrite|writev|pwritev|mkdir|link|symlink|mknod|rename|.*setxattr|ftruncate)/,
  EIO: /sync|^write|^pwrite|unlink|rmdir|rename/,
  EROFS: /mkdir|chmod|chown|utimens|unlink|rename|link/,
};

test('any call that changes the disk fails once', { skip: missing('root', 'strace') }, async (t) => {
  const folder = tempDir(t);
  const { name } = await serveImage(t, { layers });
  const pullTo = (root: string): Victim => ({
    command: [process.execPath, bundledProgram('tspull'), '--root', root, '-q', name],
  });
  const clean = join(folder, 'clean');
  const instants = await listInstants(pullTo(clean), folder, clean);
  const cases = Object.entries(failures).flatMap(([errno, calls]) =>
    instants.filter(({ call }) => calls.test(call)).map((instant) => ({ errno, instant })),
  );
  assert.ok(cases.length > 100, `only ${cases.length} calls`);
  const stride = isLongForm ? 1 : cases.length / POINTS;
  const chosen = cases.filter((_, at) => Math.floor(at / stride) !== Math.floor((at - 1) / stride));
  let failed = 0;
  for (const { errno, instant } of chosen) if (await failsWell(folder, { errno, instant, name, pullTo })) failed++;
  assert.ok(failed > chosen.length / 2, `only ${failed} of ${chosen.length} pulls failed`);
});

interface Case {
  errno: string;
  instant: Instant;
  name: string;
  pullTo: (root: string) => Victim;
}

/** False when the pull did without that call. */
async function failsWell(folder: string, { errno, instant, name, pullTo }: Case): Promise<boolean> {
  const at = `${errno} from ${instant.call} ${instant.nth}`;
  const root = join(folder, `${errno}-${instant.call}-${instant.nth}`);
  const { status, stdout, stderr } = await runFailingAt(pullTo(root), instant, errno);
  // Node itself ends when a write by which its threads wake each other fails; their number varies.
  if (instant.call === 'write' && status === null) return false;
  assert.ok(status === 0 || status === 1, `${at}: status ${status}: ${stderr}`);
  assert.equal(stdout !== '', status === 0, `${at}: ${stdout}`);
  assert.doesNotMatch(stderr, /bug in tspull/, `${at}: ${stderr}`);
  if (status === 1) assert.match(stderr, /cannot (write to|make) the data root/, `${at}: ${stderr}`);
  if (existsSync(join(root, 'tspull/staging'))) checkStore(root, { leftovers: true });
  const again = await cli('tspull', root, ['-q', name]);
  assert.equal(again.status, 0, `${at}, then: ${again.stderr}`);
  // A writer sweeps what it finds at its start; an up-to-date pull is none.
  await cli('tsimage', root, ['tag', name, 'swept:1']);
  checkStore(root);
  assert.deepEqual(temporaryFiles(root), [], at);
  assert.deepEqual(readdirSync(join(root, 'tspull/partial')), [], at);
  assert.equal(listLayers(root).length, layers.length, at);
  return status === 1;
}
