/** What a container sees of the host, and what it may do to it: rows X of the catalogue in docs/security.md. */
import assert from 'node:assert/strict';
import { type StdioOptions, spawnSync } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { ourMounts } from '../support/mounts.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

const sh = (script: string, ...flags: string[]) => tsrun(root, ['--rm', ...flags, 'bb', 'sh', '-c', script]);

test('namespaces of its own', { skip }, () => {
  const names = ['mnt', 'uts', 'ipc', 'pid', 'net', 'cgroup'];
  const list = `for n in ${names.join(' ')}; do readlink /proc/self/ns/$n; done`;
  const inside = sh(list).stdout.trim().split('\n');
  const { stdout } = tsrun(root, [], { shell: list });
  const outside = stdout.trim().split('\n');
  assert.equal(inside.length, names.length);
  for (const [index, namespace] of inside.entries()) assert.notEqual(namespace, outside[index], names[index]);
});

test('capabilities, filter and signals of root, as Docker sets them', { skip }, () => {
  const { stdout } = tsrun(root, ['--rm', 'bb', 'cat', '/proc/self/status']);
  for (const line of [
    'CapInh:\t0000000000000000',
    'CapPrm:\t00000000a80425fb',
    'CapEff:\t00000000a80425fb',
    'CapBnd:\t00000000a80425fb',
    'CapAmb:\t0000000000000000',
    'NoNewPrivs:\t0',
    'Seccomp:\t2',
    'SigIgn:\t0000000000000000',
    'SigBlk:\t0000000000000000',
  ])
    assert.ok(stdout.includes(`${line}\n`), line);
});

test('a user has no capabilities, and gets none under no-new-privileges', { skip }, () => {
  const { stdout } = sh('grep -E "Cap|NoNew" /proc/self/status', '-u', '1000');
  for (const line of [
    'CapPrm:\t0000000000000000',
    'CapEff:\t0000000000000000',
    'CapBnd:\t00000000a80425fb',
    'NoNewPrivs:\t0',
  ])
    assert.ok(stdout.includes(line), line);
  const strict = sh('grep -E "NoNew|Seccomp:" /proc/self/status', '-u', '1000', '--security-opt', 'no-new-privileges');
  assert.equal(strict.stdout, 'NoNewPrivs:\t1\nSeccomp:\t2\n');
});

test('only three descriptors, whatever the caller has open', { skip }, () => {
  const opener = 'exec 9</ 8</etc/passwd; exec "$@"';
  // A shell only has one digit for descriptors; Node passes higher ones on in a child's stdio.
  const stdio = Array.from({ length: 60 }, (_, fd) => (fd < 3 ? 'pipe' : fd % 3 === 0 ? openSync('/', 'r') : 'ignore'));
  const [node = '', program = ''] = tsrun(root, [], { shell: 'echo $TSRUN' }).stdout.trim().split(' ');
  const list = ['--rm', 'bb', 'ls', '-l', '/proc/self/fd'];
  const { stdout } = spawnSync('sh', ['-c', opener, 'sh', node, program, ...list], {
    stdio: stdio as StdioOptions,
    env: { PATH: process.env['PATH'], TSPULL_ROOT: root },
    encoding: 'utf8',
  });
  const numbers = [...stdout.matchAll(/ (\d+) -> (\S+)/g)].map(
    ([, number, target]) => [Number(number), target] as const,
  );
  assert.ok(numbers.length >= 3, stdout);
  // ls has its own on the directory that it lists.
  for (const [number, target] of numbers) assert.ok(number < 3 || target?.startsWith('/proc/'), `${number} ${target}`);
});

test('nothing of the environment of the caller', { skip }, () => {
  const env = { NODE_OPTIONS: '--no-warnings', LD_PRELOAD: '', SECRET: '1', DOCKER_AUTH: 'x', HTTP_PROXY: 'http://p' };
  const { stdout } = tsrun(root, ['--rm', 'bb', 'env'], { env });
  assert.deepEqual(
    stdout
      .match(/^(PATH|HOSTNAME|HOME|SHLVL|PWD)?/gm)
      ?.filter(Boolean)
      .sort(),
    ['HOME', 'HOSTNAME', 'PATH'],
  );
  assert.ok(!/NODE|SECRET|DOCKER|PROXY|LD_/.test(stdout), stdout);
  assert.ok(!/NODE|SECRET/.test(sh('tr "\\0" "\\n" </proc/1/environ').stdout));
});

test('an entrypoint #!/proc/self/exe finds nothing of the host', { skip }, () => {
  addImage(
    root,
    [busybox, (diff) => writeFileSync(join(diff, 'evil'), '#!/proc/self/exe -e 0\n', { mode: 0o755 })],
    {},
    'evil',
  );
  const { status, stdout, stderr } = tsrun(root, ['--rm', 'evil', '/evil']);
  assert.equal(status, 125);
  assert.equal(stdout, '');
  assert.equal(stderr, '');
});

test('paths that are masked or read-only', { skip }, () => {
  const masked = sh(
    'for p in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do test -e $p && wc -c <$p; done; ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v :',
  );
  assert.ok(/^[0\s]*$/.test(masked.stdout), masked.stdout);
  const knobs = [
    '/proc/sys/kernel/hostname',
    '/proc/sysrq-trigger',
    '/sys/kernel/mm/ksm/run',
    '/proc/sys/kernel/core_pattern',
    '/sys/fs/cgroup/pids/pids.max',
    '/sys/fs/cgroup/memory/release_agent',
    '/proc/irq/default_smp_affinity',
    '/proc/sys/vm/drop_caches',
  ];
  const write = sh(`for p in ${knobs.join(' ')}; do (echo x >$p) 2>/dev/null && echo $p; done; echo end`);
  assert.equal(write.stdout, 'end\n');
});

test('mounts, namespaces and other devices are refused', { skip }, () => {
  const commands = [
    'mount -t tmpfs none /tmp',
    'umount /proc/keys',
    'unshare -m true',
    'unshare -U true',
    'mount -o remount,rw /sys',
    'mknod /tmp/sda b 8 0 && cat /tmp/sda',
    'mknod /tmp/fuse c 10 229 && cat /tmp/fuse',
    'mknod /tmp/mem c 1 1 && head -c1 /tmp/mem',
    'dmesg',
  ];
  const { stdout } = sh(
    `${commands.map((command, index) => `(${command}) >/dev/null 2>&1 && echo ${index}`).join('; ')}; echo end`,
  );
  assert.equal(stdout, 'end\n');
  assert.equal(sh('mknod /tmp/null c 1 3 && echo x >/tmp/null && echo fine').stdout, 'fine\n');
});

test('nothing is mounted on the host while it runs and afterwards', { skip }, (t) => {
  const dir = tempDir(t);
  const shell =
    '$TSRUN --rm -v "$1:/v" bb sh -c "echo up >/v/up; while test -e /v/up; do sleep 0.05; done" & while ! test -e "$1/up"; do sleep 0.05; done; cat /proc/self/mountinfo; rm "$1/up"; wait';
  assert.deepEqual(ourMounts(root, tsrun(root, [dir], { shell }).stdout), []);
  assert.deepEqual(ourMounts(root), []);
});

test('an open file of the caller cannot be opened again', { skip }, (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'in'), 'input');
  writeFileSync(join(dir, 'log'), 'secret\n');
  const shell =
    '$TSRUN --rm -i bb sh -c "echo stolen >/proc/self/fd/0; timeout 1 cat /proc/self/fd/1; echo done" <"$1/in" >>"$1/log" 2>/dev/null';
  tsrun(root, [dir], { shell });
  assert.equal(readFileSync(join(dir, 'in'), 'utf8'), 'input');
  assert.ok(readFileSync(join(dir, 'log'), 'utf8').startsWith('secret\n'));
  assert.ok(!readFileSync(join(dir, 'log'), 'utf8').includes('secret\nsecret'));
});

test('volumes over /proc and / are refused, also by way of a link in the image', { skip }, (t) => {
  const dir = tempDir(t);
  for (const target of ['/proc', '/proc/sys/kernel', '/', '/x/..', '/tmp/../proc/1'])
    assert.equal(tsrun(root, ['--rm', '-v', `${dir}:${target}`, 'bb', 'true']).status, 125, target);
  const link = ['sh', '-c', 'true'];
  addImage(root, [busybox, (diff) => tsrun('', [], { shell: `ln -s /proc/sys '${diff}/data'` })], {}, 'link');
  assert.equal(tsrun(root, ['--rm', '-v', `${dir}:/data`, 'link', ...link]).status, 125);
  assert.equal(tsrun(root, ['--rm', '-v', `${dir}:/data/kernel`, 'link', ...link]).status, 125);
});
