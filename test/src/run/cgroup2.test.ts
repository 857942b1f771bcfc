/**
 * Cgroup version 2 alone: a mount namespace in which the hierarchies of version 1 are gone. Controllers stay with version 1 on a machine
 * that has both, so what needs one is checked to be refused clearly; starting in the cgroup and the device filter need none.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';

const skip = missing('root', 'busybox', 'unshare');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

const program = fileURLToPath(new URL('../../../src/cli/tsrun.js', import.meta.url));

function inVersion2(script: string): string {
  const setUp = `
    mount --make-rprivate / && umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 99
    run() { "${process.execPath}" "${program}" --root "${root}" --rm "$@"; echo "status $?"; }`;
  const { stdout, status } = spawnSync('unshare', ['-m', 'sh', '-c', `${setUp}\n${script}`], { encoding: 'utf8' });
  assert.notEqual(status, 99, 'no cgroup2 mount');
  return stdout;
}

test('a container starts in its cgroup, which is gone afterwards', { skip }, () => {
  const out = inVersion2(
    'run bb sh -c "grep ^0:: /proc/self/cgroup; exit 5"; ls -d /sys/fs/cgroup/tspull/*/ 2>/dev/null',
  );
  assert.equal(out, '0::/\nstatus 5\n');
});

test('devices are filtered by a program of the kernel', { skip }, () => {
  const tries =
    'mknod /null c 1 3; mknod /mem c 1 1; echo x >/null && echo null; head -c1 /mem >/mem.out 2>&1 || echo no mem';
  assert.equal(inVersion2(`run bb sh -c "${tries}"`), 'null\nno mem\nstatus 0\n');
  const open = ': </dev/disk && echo opened';
  const node = `mknod "${root}/disk" b 7 0`;
  assert.match(inVersion2(`run bb sh -c "mknod /dev/disk b 7 0; ${open}"`), /^status [12]\n$/);
  assert.match(
    inVersion2(`${node}; run --device "${root}/disk:/dev/disk:r" bb sh -c "${open}"`),
    /^opened\nstatus 0\n$/,
  );
});

test('--init and a killed command', { skip }, () => {
  assert.equal(inVersion2('run --init bb sh -c "kill -9 \\$\\$"'), 'status 137\n');
});

test('cgroups that cannot be written are told so, and nothing is left', { skip }, () => {
  const out = inVersion2('mount -o remount,bind,ro /sys/fs/cgroup; run bb true 2>&1');
  assert.match(out, /^tsrun: cannot make the cgroup ".*": EROFS\n {2}hint: .*\nstatus 125\n$/);
  assert.deepEqual(readdirSync(join(root, 'tspull/containers')), []);
});

test('a limit without its controller is refused', { skip }, () => {
  assert.match(inVersion2('run -m 32m bb true 2>&1'), /cgroup controller "memory" is not available\n.*\nstatus 125/);
});
