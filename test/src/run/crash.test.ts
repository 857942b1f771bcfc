/** The program is killed at any moment, or many of them run at once: nothing is left behind. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findHierarchies } from '../../../src/run/cgroup/hierarchies.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { ourMounts } from '../../support/mounts.js';
import { missing } from '../../support/needs.js';
import { tsrun, tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

const list = (...path: string[]): string[] => {
  const folder = join(root, ...path);
  return existsSync(folder) ? readdirSync(folder) : [];
};
const containers = (): string[] => list('tspull', 'containers');

function ownCgroups(ids: readonly string[]): string[] {
  const { v1, v2 } = findHierarchies();
  const mounts = [...v1.values(), ...(v2 ? [v2.mountPoint] : [])];
  return mounts.flatMap((mount) => ids.map((id) => join(mount, 'tspull', id))).filter((path) => existsSync(path));
}

/** Processes, not counting those that only wait to be reaped, whose command line has the word. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word) &&
        Number(pid) !== process.pid
      );
    } catch {
      return false;
    }
  });
}

test('SIGKILL at random moments leaves no mount, no process, and nothing after the next run', { skip }, async () => {
  const word = `8${process.pid}`;
  const seen = new Set<string>();
  for (let round = 0; round < 16; round++) {
    const script = `echo up; exec sleep ${word}`;
    const child = tsrunAsync(root, ['--rm', ...(round % 2 ? ['--init'] : []), 'bb', 'sh', '-c', script]);
    // From the first instants of the program to a running command, on a busy machine, too.
    if (round % 4 === 0) await child.printed('up');
    else await sleep(60 + 30 * round);
    child.kill('SIGKILL');
    for (const id of containers()) seen.add(id);
    await child.ended;
  }
  for (let tries = 0; processesWith(`sleep\0${word}`).length > 0 && tries < 100; tries++) await sleep(20);
  assert.deepEqual(processesWith(`sleep\0${word}`), []);
  assert.deepEqual(ourMounts(root), []);
  assert.ok(seen.size > 0, 'some were killed while they ran');
  assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
  assert.deepEqual(
    [containers(), list('tspull', 'live'), list('tspull', 'names'), list('image', 'overlay2', 'layerdb', 'mounts')],
    [[], [], [], []],
  );
  assert.equal(list('overlay2').length, 2);
  assert.deepEqual(ownCgroups([...seen]), []);
});

test('a killed container without --rm is kept as exited, 137', { skip }, async () => {
  const child = tsrunAsync(root, ['--timeout', '60s', '--name', 'victim', 'bb', 'sh', '-c', 'echo up; sleep 60']);
  await child.printed('up');
  child.kill('SIGKILL');
  await child.ended;
  assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
  const [id = ''] = containers();
  const record = JSON.parse(readFileSync(join(root, 'tspull', 'containers', id, 'record.json'), 'utf8'));
  assert.deepEqual([record.name, record.state, record.exitCode], ['victim', 'exited', 137]);
  assert.deepEqual(list('tspull', 'live'), []);
});

test('a folder without a record, from a death at the very beginning, is swept', { skip }, () => {
  const id = 'ab'.repeat(32);
  mkdirSync(join(root, 'tspull', 'containers', id));
  writeFileSync(join(root, 'tspull', 'live', id), '');
  symlinkSync(id, join(root, 'tspull', 'names', 'early'));
  assert.equal(tsrun(root, ['--rm', '--name', 'early', 'bb', 'true']).status, 0);
  assert.ok(!containers().includes(id));
  assert.deepEqual(list('tspull', 'live'), []);
});

test('signals are handed on, and the status is that of the command', { skip }, async () => {
  const script = 'trap "echo term; exit 3" TERM; echo up; while true; do sleep 0.05; done';
  for (const [signal, status] of [
    ['SIGTERM', 3],
    ['SIGKILL', null],
  ] as const) {
    const child = tsrunAsync(root, ['--rm', '--name', `sig${signal}`, 'bb', 'sh', '-c', script]);
    await child.printed('up');
    child.kill(signal);
    const outcome = await child.ended;
    if (status !== null) assert.deepEqual([outcome.status, outcome.stdout], [status, 'up\nterm\n']);
  }
  const child = tsrunAsync(root, ['--rm', '--init', 'bb', 'sh', '-c', 'echo up; exec sleep 30']);
  await child.printed('up');
  child.kill('SIGINT');
  assert.equal((await child.ended).status, 130);
});

test('thirty at once', { skip }, async () => {
  const outcomes = await Promise.all(
    Array.from(
      { length: 30 },
      (_, index) => tsrunAsync(root, ['--rm', 'bb', 'sh', '-c', `echo ${index}; exit ${index}`]).ended,
    ),
  );
  for (const [index, { status, stdout, stderr }] of outcomes.entries())
    assert.deepEqual([status, stdout, stderr], [index, `${index}\n`, '']);
  assert.deepEqual(list('tspull', 'live'), []);
});
