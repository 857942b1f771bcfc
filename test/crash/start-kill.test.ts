/** Whoever has a part in a start is killed at any call of the set-up: no process goes on, and the next command leaves nothing (X46). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isErrno } from '../../store/errors.js';
import { cgroupsOf } from '../support/cgroups.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { isLongForm } from '../support/long-form.js';
import { ourMounts } from '../support/mounts.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';
import { killAt, listInstants, type Victim } from './kill-sweep.js';

const skip = missing('root', 'busybox', 'strace');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');
const image = skip ? [] : readdirSync(join(root, 'overlay2'));

/** Nobody else sleeps so long. */
const word = `7${process.pid}.5`;
const program = fileURLToPath(new URL('../../src/cli/tsrun.js', import.meta.url));

const start = (flags: readonly string[], volume: string): Victim => ({
  command: [
    ...[process.execPath, program, '--rm', '-m', '64m', '-v', `${volume}:/v`, ...flags, 'bb'],
    ...['sh', '-c', `test -e /v/stays && exec sleep ${word}; true`],
  ],
  env: { TSPULL_ROOT: root },
  calls: [
    'mount,umount2,move_mount,open_tree,fsopen,fsconfig,fsmount,mount_setattr,pivot_root,chroot,chdir,fchdir',
    'unshare,setns,clone,clone3,execve,prctl,seccomp,capset,setresuid,setresgid,setgroups,setsid,keyctl,sethostname',
    'mkdirat,mknodat,symlinkat,openat2,flock,memfd_create,close_range,ppoll,waitid,wait4,exit,exit_group,pidfd_open',
  ].join(','),
});

function sleepers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `sleep\0${word}\0`;
    } catch (error) {
      // It ended in between.
      if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
      return false;
    }
  });
}

async function nothingLeft(what: string): Promise<void> {
  for (let waited = 0; sleepers().length > 0 && waited < 5000; waited += 50) await delay(50);
  assert.deepEqual(sleepers(), [], what);
  assert.deepEqual(ourMounts(root), [], what);
  const ids = readdirSync(join(root, 'tspull/containers'));
  const next = tsrun(root, ['--rm', 'bb', 'true']);
  assert.deepEqual([next.status, next.stderr], [0, ''], what);
  for (const folder of ['tspull/containers', 'tspull/live', 'tspull/names', 'image/overlay2/layerdb/mounts'])
    assert.deepEqual(readdirSync(join(root, folder)), [], `${what}: ${folder}`);
  assert.deepEqual(readdirSync(join(root, 'overlay2')).sort(), image.toSorted(), what);
  assert.deepEqual(cgroupsOf(ids), [], what);
}

for (const flags of [[], ['--init', '-u', '1000']])
  test(`killed at any call of a start: tsrun ${flags.join(' ')}`, { skip, timeout: 600_000 }, async (t) => {
    const volume = tempDir(t);
    const victim = start(flags, volume);
    const instants = await listInstants(victim, tempDir(t));
    assert.ok(instants.length > 60, `${instants.length} instants`);
    // From here on the command of a start that nobody undoes would stay.
    tsrun('', [], { shell: `touch ${join(volume, 'stays')}` });
    const step = isLongForm ? 1 : 10;
    const chosen = instants.filter((_, index) => index % step === process.pid % step);
    let stayed = 0;
    for (const instant of chosen) {
      const what = `${instant.call} ${instant.nth}`;
      const killed = killAt(victim, instant);
      // An instant that the running command has not come to.
      const outcome = await Promise.race([killed, delay(4000)]);
      if (outcome === undefined) {
        stayed++;
        for (const pid of sleepers()) process.kill(Number(pid), 'SIGKILL');
        await killed;
      }
      await nothingLeft(what);
    }
    t.diagnostic(`${chosen.length} of ${instants.length} instants; ${stayed} were beyond the start`);
    assert.ok(stayed < chosen.length / 2);
  });
