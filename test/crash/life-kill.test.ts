/** Programs and supervisors are killed at any step of a container's life: the next commands put things right, and nothing is left. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findHierarchies } from '../../src/run/cgroup/hierarchies.js';
import { isErrno } from '../../store/errors.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { isLongForm } from '../support/long-form.js';
import { ourMounts } from '../support/mounts.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tscontainer } from '../support/tscontainer.js';
import { type Outcome, program as runProgram, tsrun } from '../support/tsrun.js';
import { killAt, listInstants, type Victim } from './kill-sweep.js';

const skip = missing('root', 'busybox', 'strace');
const timeout = isLongForm ? 3_600_000 : 200_000;
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');
const image = skip ? [] : readdirSync(join(root, 'overlay2'));

const program = (name: string): string =>
  `${process.execPath} ${fileURLToPath(new URL(`../../src/cli/${name}.js`, import.meta.url))}`;
const tsimage = (...args: string[]): Outcome =>
  runProgram(fileURLToPath(new URL('../../src/cli/tsimage.js', import.meta.url)), root, args);
const environment = { TSPULL_ROOT: root, TSRUN: program('tsrun'), TSCONTAINER: program('tscontainer') };

const life: Victim = {
  command: [
    '/bin/sh',
    '-c',
    `$TSRUN -d --name life bb sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done'
     $TSCONTAINER pause life; $TSCONTAINER unpause life
     $TSCONTAINER stop -t 1 life; $TSCONTAINER start life; $TSCONTAINER rm -f life`,
  ],
  env: environment,
};

/** Commands, files, volumes and images of a container. */
const work: Victim = {
  command: [
    '/bin/sh',
    '-c',
    `$TSCONTAINER volume create kept >/dev/null
     $TSRUN -d --name life -v kept:/kept -v /anonymous bb sleep 20
     $TSCONTAINER exec life sh -c 'echo data >/kept/file; echo own >/own'
     $TSCONTAINER cp /etc/hostname life:/copied; $TSCONTAINER cp life:/own - >/dev/null
     $TSCONTAINER commit life made:1; $TSCONTAINER rm -fv life; $TSCONTAINER volume rm kept`,
  ],
  env: environment,
};

/** Supervisors that hold a file of the root. */
function processesOf(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      if (!/^\d+$/.test(pid) || !readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('tspull-supervisor'))
        return false;
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(root));
    } catch (error) {
      // It ended in between.
      if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
      return false;
    }
  });
}

async function putRight(what: string): Promise<void> {
  const ids = readdirSync(join(root, 'tspull/containers'));
  const names = tscontainer(root, 'ls', '-aq', '--no-trunc').stdout.trim().split('\n').filter(Boolean);
  for (const name of names) {
    const { status, stderr } = tscontainer(root, 'rm', '-f', name);
    assert.equal(status, 0, `${what}: ${stderr}`);
  }
  const images = tsimage('ls', '--format', '{{.Repository}}').stdout.split('\n');
  if (images.includes('made')) assert.equal(tsimage('rm', 'made:1').status, 0, what);
  assert.equal(tsimage('prune', '-f').status, 0, what);
  const volumes = tscontainer(root, 'volume', 'ls', '-q').stdout.trim().split('\n').filter(Boolean);
  if (volumes.length > 0) assert.equal(tscontainer(root, 'volume', 'rm', ...volumes).status, 0, what);
  const again = tsrun(root, ['--rm', '--name', 'life', 'bb', 'true']);
  assert.deepEqual([again.status, again.stderr], [0, ''], what);
  for (let waited = 0; processesOf().length > 0 && waited < 10_000; waited += 50) await delay(50);
  assert.deepEqual(processesOf(), [], what);
  for (const folder of ['tspull/containers', 'tspull/live', 'tspull/names', 'image/overlay2/layerdb/mounts'])
    assert.deepEqual(readdirSync(join(root, folder)), [], `${what}: ${folder}`);
  assert.deepEqual(readdirSync(join(root, 'overlay2')).sort(), image.toSorted(), what);
  assert.deepEqual(ourMounts(root), [], what);
  for (const mount of findHierarchies().v1.values())
    for (const id of ids) assert.ok(!existsSync(join(mount, 'tspull', id)), `${what}: ${mount}`);
}

async function killEverywhere(t: TestContext, victim: Victim, share: number): Promise<void> {
  const instants = await listInstants(victim, tempDir(t));
  await putRight('undisturbed');
  assert.ok(instants.length > 60, `${instants.length} instants`);
  // Each thread counts by itself, so that one instant is met by several of the programs.
  const chosen = isLongForm ? instants : instants.filter((_, index) => index % share === process.pid % share);
  for (const instant of chosen) {
    await killAt(victim, instant);
    await putRight(`${instant.call} ${instant.nth}`);
  }
  t.diagnostic(`${chosen.length} of ${instants.length} instants`);
}

test('killed at any step of create, start, pause, stop and rm', { skip, timeout }, (t) => killEverywhere(t, life, 12));

test('killed at any step of exec, cp, commit and volumes', { skip, timeout }, (t) => killEverywhere(t, work, 40));
