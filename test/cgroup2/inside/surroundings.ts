/** The program where it is in a container itself. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { bundledProgram } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { CGROUPS, root } from './containers.js';

describe('surroundings', () => {
  test('in a cgroup namespace whose root has processes, only limits are refused, and it is said why', async () => {
    const folder = join(CGROUPS, 'namespace');
    mkdirSync(folder);
    const { stdout } = await run('sh', [
      '-c',
      `echo $$ >${folder}/cgroup.procs
      exec unshare -C -m sh -c '
        umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
        tsrun() { "${process.execPath}" "${bundledProgram('tsrun')}" --root "${root}" --rm "$@" 2>&1; echo $?; }
        tsrun bb true
        tsrun -m 32m bb true
        mkdir /sys/fs/cgroup/init; echo 0 >/sys/fs/cgroup/init/cgroup.procs
        tsrun -m 32m bb cat /sys/fs/cgroup/memory.max'`,
    ]);
    assert.match(
      stdout,
      /^0\ntsrun: cannot limit memory: .*\n {2}hint: processes in the cgroup .*\n125\n33554432\n0\n$/,
    );
  });
});
