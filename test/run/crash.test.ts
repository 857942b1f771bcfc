/** The program is killed at any moment, or many of them run at once: nothing is left behind. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findHierarchies } from '../../src/run/cgroup/hierarchies.js';
import { isErrno } from '../../store/errors.js';
import { hostMounts } from '../support/host-mounts.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tsrun, tsrunAsync } from '../support/tsrun.js';

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

/** Whether a container's own `sleep` runs; the program's command line has the word, too. */
function isRunning(word: string): boolean {
  return processesWith(`sleep\0${word}`).some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `sleep\0${word}\0`;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
      throw error;
    }
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !isTrue(); await sleep(5)) assert.ok(Date.now() < end, 'waited in vain');
}

test('SIGKILL at random moments leaves no mount, no process, and nothing after the next run', { skip }, async () => {
  const before = hostMounts();
  const word = `8${process.pid}`;
  const seen = new Set<string>();
  for (let round = 0; round < 16; round++) {
    const child = tsrunAsync(root, ['--rm', ...(round % 2 ? ['--init'] : []), 'bb', 'sleep', word]);
    // From the first instants to a running command, on a fast machine as on a busy one.
    await sleep(60 + (round % 4) * 40);
    if (round % 2) await until(() => isRunning(word));
    if (round % 4 === 2) await until(() => containers().length > 0);
    child.kill('SIGKILL');
    for (const id of containers()) seen.add(id);
    await child.ended;
  }
  for (let tries = 0; processesWith(`sleep\0${word}`).length > 0 && tries < 100; tries++) await sleep(20);
  assert.deepEqual(processesWith(`sleep\0${word}`), []);
  assert.equal(hostMounts(), before);
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
  const child = tsrunAsync(root, ['--name', 'victim', 'bb', 'sh', '-c', 'echo up; sleep 60']);
  while (
    containers().length === 0 ||
    !/running/.test(readFileSync(join(root, 'tspull', 'containers', containers()[0] ?? '', 'record.json'), 'utf8'))
  )
    await sleep(20);
  await sleep(300);
  child.kill('SIGKILL');
  await child.ended;
  assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
  const [id = ''] = containers();
  const record = JSON.parse(readFileSync(join(root, 'tspull', 'containers', id, 'record.json'), 'utf8'));
  assert.deepEqual([record.name, record.state, record.exitCode], ['victim', 'exited', 137]);
  assert.deepEqual(list('tspull', 'live'), []);
});

test('signals are handed on, and the status is that of the command', { skip }, async () => {
  const script = 'trap "echo term; exit 3" TERM; echo up; while true; do sleep 0.05; done';
  for (const [signal, status] of [
    ['SIGTERM', 3],
    ['SIGKILL', null],
  ] as const) {
    const child = tsrunAsync(root, ['--rm', '--name', `sig${signal}`, 'bb', 'sh', '-c', script]);
    await until(() => child.output().includes('up'));
    child.kill(signal);
    const outcome = await child.ended;
    if (status !== null) assert.deepEqual([outcome.status, outcome.stdout], [status, 'up\nterm\n']);
  }
  const word = `7${process.pid}`;
  const child = tsrunAsync(root, ['--rm', '--init', 'bb', 'sleep', word]);
  await until(() => isRunning(word));
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
