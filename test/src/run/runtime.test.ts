/** `--runtime`: containers that an installed OCI runtime runs. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cgroupsOf } from '../../support/cgroups.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { ourMounts } from '../../support/mounts.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tsrun, tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox', 'runc');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');

const runc = (args: readonly string[], input = '') => tsrun(root, ['--rm', '--runtime', 'runc', ...args], { input });

function nothingLeft(...ids: string[]): void {
  assert.deepEqual(readdirSync(join(root, 'tspull/containers')), []);
  assert.deepEqual(ourMounts(root), []);
  assert.deepEqual(cgroupsOf(ids), []);
}

test('status, streams, user, environment, volumes', { skip }, (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, 'file'), 'volume\n');
  const script =
    'cat; id -u; echo $A; cat /v/file; cat /etc/hostname; touch /v/x 2>/dev/null || echo read-only; pwd; exit 7';
  const flags = ['-i', '-u', 'alice', '-e', 'A=b', '-v', `${dir}:/v:ro`, '-h', 'box', '-w', '/new/dir'];
  const { status, stdout, stderr } = runc([...flags, 'bb', 'sh', '-c', script], 'input\n');
  assert.deepEqual([status, stdout], [7, 'input\n1000\nb\nvolume\nbox\nread-only\n/new/dir\n'], stderr);
  assert.equal(runc(['bb', 'sh', '-c', 'kill -9 $$']).status, 0, 'the first process of a namespace ignores it');
  nothingLeft();
});

test('privileges and limits are those of our own runner', { skip }, () => {
  const look =
    'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; cat /sys/fs/cgroup/pids/pids.max 2>/dev/null; ulimit -n; ls /dev';
  for (const flags of [
    ['--pids-limit', '30'],
    ['--cap-drop', 'ALL', '-u', '5', '--security-opt', 'no-new-privileges'],
  ]) {
    const own = tsrun(root, ['--rm', ...flags, 'bb', 'sh', '-c', look]);
    const theirs = runc([...flags, 'bb', 'sh', '-c', look]);
    // The runtime makes a console, and a descriptor directory of its own kind.
    assert.equal(theirs.stdout.replace('core\n', ''), own.stdout.replace('core\n', ''), theirs.stderr);
  }
});

test('failures: the command, the runtime, and flags that do not go together', { skip }, () => {
  const missingCommand = runc(['bb', 'nothing-like-it']);
  assert.equal(missingCommand.status, 127);
  assert.match(missingCommand.stderr, /tsrun: runc: .*executable file not found in \$PATH/);
  assert.equal(runc(['bb', '/etc/passwd']).status, 126);
  assert.equal(runc(['-h', 'x', '--uts', 'host', 'bb', 'true']).status, 125);
  for (const [runtime, words] of [
    ['no-such-runtime', /cannot find the OCI runtime "no-such-runtime"\n {2}hint/],
    ['/etc/passwd', /cannot find/],
  ] as const) {
    const outcome = tsrun(root, ['--rm', '--runtime', runtime, 'bb', 'true']);
    assert.equal(outcome.status, 125);
    assert.match(outcome.stderr, words);
  }
  for (const flags of [['--init'], ['--sandbox'], ['--timeout', '5'], ['--json'], ['-t']])
    assert.equal(runc([...flags, 'bb', 'true']).status, 125, flags.join(' '));
  nothingLeft();
});

test('what is killed is swept by the next run; signals are handed on', { skip }, async () => {
  const args = [
    '--rm',
    '--name',
    'both',
    '--runtime',
    'runc',
    'bb',
    'sh',
    '-c',
    'trap "echo term; exit 3" TERM; echo up; while true; do sleep 0.05; done',
  ];
  const child = tsrunAsync(root, args);
  await child.printed('up');
  child.kill('SIGTERM');
  const { status, stdout } = await child.ended;
  assert.deepEqual([status, stdout], [3, 'up\nterm\n']);
  const victim = tsrunAsync(root, args);
  await victim.printed('up');
  const id = readlinkSync(join(root, 'tspull/names/both'));
  assert.ok(cgroupsOf([id]).length > 0);
  victim.kill('SIGKILL');
  await victim.ended;
  assert.equal(runc(['bb', 'true']).status, 0);
  nothingLeft(id);
});

test('a root that a hostile image made', { skip }, () => {
  addImage(
    root,
    [busybox, (diff) => tsrun('', [], { shell: `rm -rf '${diff}/proc'; ln -s /etc '${diff}/proc'` })],
    {},
    'evil',
  );
  // Our init layer puts a directory there, and the runtime looks for itself.
  const { status, stdout } = runc(['evil', 'sh', '-c', 'stat -c %F /proc']);
  assert.deepEqual([status, stdout], [0, 'directory\n']);
  nothingLeft();
});
