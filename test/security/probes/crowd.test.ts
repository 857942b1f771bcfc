/** Many starts at once leave nothing, and one that is attacked all the time mounts nothing elsewhere (X49). */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sandbox } from '../../../src/library/sandbox.js';
import { KnownError } from '../../../store/errors.js';
import { cgroupsOf } from '../../support/cgroups.js';
import { isLongForm } from '../../support/long-form.js';
import { ourMounts } from '../../support/mounts.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tsrunAsync } from '../../support/tsrun.js';
import { needs, probeRoot } from './image.js';

const skip = missing(...needs);
const root = skip ? '' : probeRoot({ after });
const CROWD = isLongForm ? 200 : 60;
const ATTACKED = isLongForm ? 5000 : 100;

/** Command lines of processes that have the word among them. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return text.includes(word) && Number(pid) !== process.pid ? [text] : [];
    } catch {
      return [];
    }
  });
}

test(`${CROWD} containers at once`, { skip }, async () => {
  const word = `${3_000_000 + process.pid}`;
  const ids = new Set<string>();
  const note = (): void => {
    for (const id of readdirSync(join(root, 'tspull/containers'))) ids.add(id);
  };
  // The last one in lets all others go, so that all are there at the same time.
  const children = Array.from({ length: CROWD }, (_, index) =>
    tsrunAsync(root, [
      '--rm',
      '-m',
      '64m',
      '--init',
      'probes',
      'sh',
      '-c',
      `echo up; (sleep ${word} &); sleep ${word}; exit ${index}`,
    ]),
  );
  await Promise.all(children.map((child) => child.printed('up\n')));
  note();
  assert.equal(ids.size, CROWD);
  assert.ok(cgroupsOf([...ids]).length >= CROWD);
  for (const child of children) child.kill('SIGTERM');
  for (const { status, stderr } of await Promise.all(children.map(({ ended }) => ended)))
    assert.deepEqual([status, stderr], [143, '']);
  for (const folder of ['containers', 'live', 'names']) assert.deepEqual(readdirSync(join(root, 'tspull', folder)), []);
  assert.deepEqual(readdirSync(join(root, 'image/overlay2/layerdb/mounts')), []);
  assert.deepEqual(readdirSync(join(root, 'overlay2')).length, 2);
  assert.deepEqual(cgroupsOf([...ids]), []);
  assert.deepEqual(ourMounts(root), []);
  assert.deepEqual(processesWith(word), []);
});

test(`${ATTACKED} starts while another container swaps the mount point for a link`, {
  skip,
  timeout: 1_200_000,
}, async (t) => {
  const [shared, inner, canary] = [tempDir(t), tempDir(t), tempDir(t)];
  writeFileSync(join(inner, 'marker'), 'x');
  const restore = (): void => {
    mkdirSync(join(shared, 'sub/deep'), { recursive: true });
    symlinkSync(canary, join(shared, 'evil'));
  };
  restore();
  const attacker = tsrunAsync(root, [
    '--rm',
    '-v',
    `${shared}:/v`,
    'probes',
    'sh',
    '-c',
    'echo up; exec /probe swap /v/sub /v/evil',
  ]);
  await attacker.printed('up\n');
  const outcomes = { mounted: 0, failed: 0 };
  const wrong: string[] = [];
  const reasons = new Set<string>();
  // Where the marker is, and the places of mounts that are not the usual ones.
  const look =
    'grep -oE " /v(/[^ ]*)? " /proc/self/mountinfo; find / -xdev -name marker; ls -d /etc/marker /canary* 2>/dev/null';
  const start = async (): Promise<void> => {
    try {
      const { stdout } = await sandbox('probes', ['sh', '-c', look], {
        root,
        mounts: [
          { type: 'bind', source: shared, target: '/v' },
          { type: 'bind', source: inner, target: '/v/sub/deep' },
        ],
      });
      outcomes.mounted++;
      const places = stdout.split('\n').filter(Boolean);
      // Below the volume, where a link that was followed inside it may have led, or where it was asked for.
      if (!places.every((place) => / \/v(\/.*)? /.test(place)) || places.length !== 2) wrong.push(stdout);
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      outcomes.failed++;
      reasons.add(error.message);
    }
  };
  let left = ATTACKED;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await start();
  };
  await Promise.all([worker(), worker()]);
  attacker.kill('SIGKILL');
  await attacker.ended;
  // The next one sweeps what was killed.
  assert.equal((await tsrunAsync(root, ['--rm', 'probes', 'true']).ended).status, 0);
  assert.deepEqual(readdirSync(join(root, 'tspull/live')), []);
  t.diagnostic(JSON.stringify({ ...outcomes, reasons: [...reasons] }));
  assert.deepEqual(wrong, []);
  assert.deepEqual(readdirSync(canary), [], 'nothing was made outside');
  assert.equal(existsSync(join(canary, 'marker')), false);
  assert.ok(outcomes.failed <= Math.max(1, 0.002 * ATTACKED), JSON.stringify(outcomes));
  assert.deepEqual(ourMounts(root), []);
  rmSync(shared, { recursive: true });
});
