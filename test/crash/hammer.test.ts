/** Everything that changes a root, at once, over images that share layers; at the end dockerd starts on it and agrees. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { buildImage } from '../../fixtures/registry/image.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { randomFrom } from '../fuzz/random.js';
import { bundledProgram, type Program } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { isLongForm } from '../support/long-form.js';
import { findProgram, missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { temporaryFiles } from './leftovers.js';

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox', 'timeout');
const IMAGES = 6;
const DURATION_MS = isLongForm ? 300_000 : 12_000;
const CREW = isLongForm
  ? { pulls: 20, removals: 20, prunes: 5, fscks: 2, runs: 10 }
  : { pulls: 3, removals: 2, prunes: 1, fscks: 1, runs: 2 };
/** Longer than anything takes on a busy machine: whoever needs more waits for ever. */
const PATIENCE_S = 120;
const timeout = DURATION_MS + 240_000;

interface Site {
  root: string;
  names: readonly string[];
}

function busyboxLayer(): Buffer {
  const content = readFileSync(findProgram('busybox') ?? 'busybox');
  return tar(
    dir('bin'),
    file('bin/busybox', '', { content, mode: 0o755 }),
    symlink('bin/sh', 'busybox'),
    symlink('bin/test', 'busybox'),
  );
}

async function site(t: TestContext): Promise<Site> {
  // Not a server of this process, which has enough to do with starting others.
  const registry = await startDockerRegistry(t);
  const shared = [busyboxLayer()];
  for (let at = 0; at < IMAGES; at++) {
    const middle = tar(file(`middle-${at % 2}`, 'm'.repeat(50_000)));
    const layers = [...shared, middle, tar(file(`own-${at}`, 'o'.repeat(20_000)))];
    const created = `2025-01-01T00:00:0${at}Z`;
    await registry.push('lib/app', String(at), buildImage({ layers, created, config: { Cmd: ['true'] } }));
  }
  const names = Array.from({ length: IMAGES }, (_, at) => `${registry.host}/lib/app:${at}`);
  return { root: join(tempDir(t), 'root'), names };
}

/** Ends by itself, whatever happens to it. */
async function must(program: Program, root: string, args: readonly string[], accepted?: RegExp): Promise<boolean> {
  const command = ['-k', '5', String(PATIENCE_S), process.execPath, bundledProgram(program), ...args];
  const result: CommandResult = await run('timeout', command, { env: { ...process.env, TSPULL_ROOT: root } });
  const shown = `${program} ${args.join(' ')}: ${result.status} ${result.stderr}${result.stdout.slice(-2000)}`;
  assert.notEqual(result.status, 124, `${shown}: it did not end`);
  assert.doesNotMatch(result.stderr, /bug in tspull/, shown);
  if (result.status === 0) return true;
  if (accepted === undefined) assert.fail(shown);
  assert.match(result.stderr, accepted, shown);
  return false;
}

const nothingThere = /No such image/;
const inUse = /No such image|conflict: unable to/;
/** With fifty processes on two processors, the registry, which is one of them, may not come to answer in time. */
const tooSlow = /: timed out/;
/** The image went between the look at it and the start. */
const wentAway = /No such image|is missing|vanished|was removed|no such layer|: timed out/i;
const policies = [['-af'], ['-f', '--keep-last', '2'], ['-f', '--max-bytes', '2m'], ['-f', '--unused-for', '2s']];

const jobs: Record<keyof typeof CREW, (site: Site, pick: <T>(items: readonly T[]) => T) => Promise<boolean>> = {
  pulls: ({ root, names }, pick) => must('tspull', root, ['-q', pick(names)], tooSlow),
  removals: ({ root, names }, pick) => must('tsimage', root, [...pick([['rm'], ['rm', '-f']]), pick(names)], inUse),
  prunes: ({ root }, pick) => must('tsimage', root, ['prune', ...pick(policies)], /more than the quota/),
  // Nothing is ever wrong, whatever is at work meanwhile.
  fscks: ({ root }, pick) => must('tsimage', root, ['fsck', ...pick([['--quick'], []])]),
  // Not of all images: those that containers stand on are never removed.
  runs: ({ root, names }, pick) =>
    must('tsrun', root, ['--rm', '-q', pick(names.slice(0, 3)), 'test', '-e', '/bin/sh'], wentAway),
};

test('pulls, removals, prunes, fscks and runs at once: nothing is lost, nobody waits for ever, dockerd agrees', {
  skip,
  timeout,
}, async (t) => {
  const place = await site(t);
  const { root, names } = place;
  let end = Date.now() + DURATION_MS;
  const outcomes = new Map<string, number>();
  const worker = async (kind: keyof typeof CREW, seed: number) => {
    const random = randomFrom(seed);
    while (Date.now() < end) {
      const worked = await jobs[kind](place, (items) => random.pick(items));
      const outcome = worked ? kind : `${kind} in vain`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      // What is refused is refused quickly, and would take the others' time.
      await delay(random.below(worked ? 50 : 1000));
    }
  };
  const kinds = Object.entries(CREW).flatMap(([kind, count]) =>
    Array<keyof typeof CREW>(count).fill(kind as keyof typeof CREW),
  );
  const crew = kinds.map(worker);
  // The first failure ends the work of the others, which are waited for.
  for (const work of crew)
    work.catch(() => {
      end = 0;
    });
  await Promise.allSettled(crew);
  await Promise.all(crew);
  t.diagnostic([...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', '));
  for (const kind of Object.keys(CREW)) assert.ok((outcomes.get(kind) ?? 0) > 0, `no ${kind} came to an end`);

  await must('tspull', root, ['-q', ...names]);
  await must('tsimage', root, ['prune', '-f']);
  await must('tsimage', root, ['fsck']);
  checkStore(root);
  assert.deepEqual(temporaryFiles(root), []);
  for (const folder of ['containers', 'live', 'names', 'staging'])
    assert.deepEqual(readdirSync(join(root, 'tspull', folder)), [], folder);
  assert.equal(readFileSync('/proc/self/mounts', 'utf8').includes(root), false, 'a mount is left');
  assert.deepEqual(readdirSync(join(root, 'image/overlay2/layerdb/mounts')), []);
  await assertDockerAgrees(t, place);
  await must('tsimage', root, ['rm', ...names], nothingThere);
  assert.deepEqual(listLayers(root), [], 'layers that nothing stands on');
  assert.deepEqual(readdirSync(join(root, 'overlay2')), ['l']);
});

async function assertDockerAgrees(t: TestContext, { root, names }: Site): Promise<void> {
  const daemon = await startDockerd(t, { root });
  const listed = await daemon.docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']);
  assert.deepEqual(listed.stdout.trim().split('\n').sort(), [...names].sort());
  for (const name of [names[0], names[5]]) {
    const { status, stderr } = await daemon.docker([
      'run',
      '--rm',
      '--network=none',
      name ?? '',
      'test',
      '-e',
      '/bin/sh',
    ]);
    assert.equal(status, 0, stderr);
  }
  await daemon.stop();
}
