/** A container that swaps directories for links all the time, or has links that lead out, gets `cp` to touch nothing but its own files. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyFromContainer, copyToContainer } from '../../src/life/files/copy-files.js';
import { KnownError } from '../../store/errors.js';
import { cli } from '../support/cli.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { needs, probeRoot } from './probes/image.js';

const skip = missing('root', 'busybox');
const ROUNDS = isLongForm ? 5000 : 250;
/** Of these many, one through the program. */
const BY_PROGRAM = isLongForm ? 100 : 50;

/** Copies in one process, or every now and then by the program. Returns why it failed, if it did. */
async function copied(root: string, round: number, from: string, to: string): Promise<string | undefined> {
  if (round % BY_PROGRAM === 0) {
    const { status, stderr } = await cli('tscontainer', root, ['cp', from, to]);
    assert.doesNotMatch(stderr, /internal error/);
    return status === 0 ? undefined : stderr;
  }
  const [container = '', path = ''] = (from.includes(':') ? from : to).split(':');
  try {
    if (from.includes(':')) await copyFromContainer(root, { container, path }, to);
    else await copyToContainer(root, from, { container, path });
    return undefined;
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    return error.message;
  }
}

test(`${ROUNDS} copies each way while directories and files are exchanged for links, without a pause`, {
  skip: skip || missing(...needs),
  timeout: 600_000,
}, async (t) => {
  const root = probeRoot(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'secret'), 'of the host');
  // Where the links lead there is something in the container as well, so that each copy can be done.
  const script = `mkdir -p /place ${outside}; echo inside >/place/secret; cp /place/secret ${outside}/secret; ln -s ${outside} /away
    echo inside >/file; ln -s ${outside}/secret /link; mkfifo /fifo; echo inside >/other
    /probe swap /place /away & /probe swap /file /link & /probe swap /other /fifo & echo ready
    while sleep 0.01; do
      test -L /file || test -L /link || ln -sfn ${outside}/secret /link
      if test -L /file && test -L /link; then rm /file; echo inside >/file; fi
    done`;
  const started = await cli('tsrun', root, ['-d', '--name', 'swapper', 'probes', 'sh', '-c', script]);
  assert.equal(started.status, 0, started.stderr);
  try {
    for (let tries = 0; (await cli('tscontainer', root, ['logs', 'swapper'])).stdout !== 'ready\n'; tries++)
      assert.ok(tries < 100);
    const host = tempDir(t);
    writeFileSync(join(host, 'planted'), 'x');
    const failures: string[] = [];
    let links = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const out = (name: string): string => join(host, name);
      const into = round % 2 === 0 ? 'place/planted' : 'file';
      for (const [from, to] of [
        ['swapper:/place/secret', out('secret')],
        ['swapper:/place/.', out('place')],
        ['swapper:/file', out('file')],
        ['swapper:/other', out('other')],
        [join(host, 'planted'), `swapper:/${into}`],
      ] as const) {
        const failure = await copied(root, round, from, to);
        if (failure !== undefined) failures.push(failure);
      }
      for (const name of ['secret', 'place/secret', 'file', 'other']) {
        const stats = lstatSync(out(name), { throwIfNoEntry: false });
        if (stats?.isSymbolicLink()) links++;
        if (stats?.isFile()) assert.match(readFileSync(out(name), 'utf8'), /^(inside\n|x)$/, name);
      }
      for (const name of ['secret', 'place', 'file', 'other']) rmSync(out(name), { recursive: true, force: true });
    }
    assert.deepEqual(readdirSync(outside), ['secret']);
    assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'of the host');
    t.diagnostic(`${failures.length} of ${5 * ROUNDS} failed: ${[...new Set(failures)].join('; ')}; ${links} links`);
    assert.ok(links > 0, 'the attack took place');
    assert.ok(failures.length <= Math.max(2, 0.002 * 5 * ROUNDS), failures.slice(0, 20).join('\n'));
  } finally {
    // Before the root goes.
    await cli('tscontainer', root, ['rm', '-f', 'swapper']);
  }
});

test('links that lead out of a container that does not run', { skip }, async (t) => {
  const root = layerRoot(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'secret'), 'of the host');
  const hostile = (diff: string): void => {
    busybox(diff);
    symlinkSync(outside, join(diff, 'absolute'));
    symlinkSync(`../../../../../../..${outside}`, join(diff, 'relative'));
    symlinkSync('/proc/self/root', join(diff, 'magic'));
  };
  addImage(root, [hostile], { Volumes: { '/absolute/volume': {}, '/../../x': {}, '/a/../..//b': {} } }, 'bb');
  const made = await cli('tscontainer', root, ['create', '--name', 'cc', 'bb', 'true']);
  assert.equal(made.status, 0, made.stderr);
  const host = tempDir(t);
  writeFileSync(join(host, 'planted'), 'x');
  for (const link of ['absolute', 'relative', `magic${outside}`]) {
    assert.equal((await cli('tscontainer', root, ['cp', `cc:/${link}/secret`, join(host, 'stolen')])).status, 1, link);
    await cli('tscontainer', root, ['cp', join(host, 'planted'), `cc:/${link}/planted`]);
    await cli('tscontainer', root, ['cp', '-L', `cc:/${link}`, join(host, 'stolen')]);
  }
  assert.ok(!existsSync(join(host, 'stolen/secret')));
  const started = await cli('tscontainer', root, ['start', '-a', 'cc']);
  assert.equal(started.status, 0, started.stderr);
  assert.deepEqual(readdirSync(outside), ['secret']);
  assert.ok(!existsSync('/x') && !existsSync('/b'));
});

test('an archive for a container leads nowhere else', { skip }, async (t) => {
  const root = layerRoot(t);
  addImage(root, [busybox], {}, 'bb');
  assert.equal((await cli('tscontainer', root, ['create', '--name', 'cc', 'bb', 'true'])).status, 0);
  const { dir, file, symlink, tar, END } = await import('../support/tar-builder.js');
  const outside = tempDir(t);
  for (const members of [
    [file('../../../escaped', 'x')],
    [symlink('link', outside), file('link/escaped', 'x')],
    [dir('d'), symlink('d/up', '../../../../../../../..'), file(`d/up${outside}/escaped`, 'x')],
  ]) {
    const archive = tar(...members, END);
    await cli('tscontainer', root, ['cp', '-', 'cc:/tmp'], { input: archive });
    assert.deepEqual(readdirSync(outside), []);
  }
  mkdirSync(join(outside, 'ok'));
  const plain = await cli('tscontainer', root, ['cp', '-', 'cc:/tmp'], { input: tar(file('.wh.name', 'kept'), END) });
  assert.equal(plain.status, 0, plain.stderr);
  const back = await cli('tscontainer', root, ['cp', 'cc:/tmp/.wh.name', join(outside, 'ok')]);
  assert.equal(back.status, 0, back.stderr);
  assert.ok(lstatSync(join(outside, 'ok/.wh.name')).isFile());
});
