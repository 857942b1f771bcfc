import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) {
  const garbage = (diff: string): void => writeFileSync(join(diff, 'garbage'), 'no program', { mode: 0o755 });
  addImage(root, [busybox, garbage], { Cmd: ['echo', 'from the image'], Env: ['IMAGE=yes'] }, 'bb');
  addImage(
    root,
    [busybox],
    { Entrypoint: ['echo', 'entry'], Cmd: ['cmd'], User: 'alice', WorkingDir: '/made/here' },
    'entry',
  );
  addImage(root, [], {}, 'scratch');
}

/** Arguments, status, the whole of stdout; stderr contains the text. */
const table: [args: string[], status: number, stdout: string | RegExp, stderr?: string][] = [
  [['bb'], 0, 'from the image\n'],
  [['bb', 'true'], 0, ''],
  [['bb', 'false'], 1, ''],
  [['bb', 'sh', '-c', 'exit 7'], 7, ''],
  [['bb', 'sh', '-c', 'echo out; echo err >&2'], 0, 'out\n', 'err\n'],
  [['bb', 'nonexist'], 127, '', 'exec: "nonexist": executable file not found in $PATH'],
  [['bb', '/nonexist'], 127, '', 'exec: "/nonexist": no such file or directory'],
  [['bb', '/etc/passwd'], 126, '', 'exec: "/etc/passwd": permission denied'],
  [['bb', '/bin'], 126, '', 'permission denied'],
  [['bb', '/garbage'], 1, '', 'exec format error'],
  [['bb', ''], 127, '', 'exec: ""'],
  [['bb', 'sh', '-c', 'kill -15 $$; echo alive'], 0, 'alive\n'],
  [['--init', 'bb', 'sh', '-c', 'kill -15 $$'], 143, ''],
  [['--init', 'bb', 'sh', '-c', 'sleep 0.1 & exec sh -c "exit 9"'], 9, ''],
  [['--init', 'bb', 'sh', '-c', 'cat /proc/1/cmdline; echo; echo $$'], 0, 'tsrun-init\0\n2\n'],
  [['--entrypoint', '', 'bb'], 125, '', 'No command specified'],
  [['scratch'], 125, '', 'No command specified'],
  [['scratch', 'x'], 127, '', 'executable file not found'],
  [['--entrypoint', '["/bin/echo"]', 'bb'], 127, '', 'no such file or directory'],
  [['entry'], 0, 'entry cmd\n'],
  [['entry', 'a', 'b'], 0, 'entry a b\n'],
  [['--entrypoint', 'pwd', 'entry'], 0, '/made/here\n'],
  [['--entrypoint', 'id', 'entry'], 0, 'uid=1000(alice) gid=1001(alice) groups=10(wheel),50(staff),1001(alice)\n'],
  [['--entrypoint', 'stat', 'entry', '-c', '%u %a', '/made', '/made/here'], 0, '0 755\n0 755\n'],
  [['-u', '4242', 'bb', 'sh', '-c', 'id; echo $HOME'], 0, 'uid=4242 gid=0(root) groups=0(root)\n/\n'],
  [['-u', 'bob', 'bb', 'sh', '-c', 'echo $HOME'], 0, '/nowhere\n'],
  [['-u', ':50', 'bb', 'id', '-g'], 0, '50\n'],
  [['-u', 'alice:wheel', 'bb', 'id', '-G'], 0, '10\n'],
  [['-u', 'nosuch', 'bb', 'id'], 125, '', 'unable to find user nosuch: no matching entries in passwd file'],
  [['-u', '2147483648', 'bb', 'id'], 125, '', 'uids and gids must be in range 0-2147483647'],
  [['--group-add', 'staff', '--group-add', '77', 'bb', 'id', '-G'], 0, '0 50 77\n'],
  [
    ['bb', 'sh', '-c', 'env | grep -vE "SHLVL|PWD|HOSTNAME" | sort'],
    0,
    'HOME=/root\nIMAGE=yes\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
  ],
  [['-e', 'A=1', '-e', 'A=2', '-e', 'IMAGE=no', 'bb', 'sh', '-c', 'echo $A $IMAGE'], 0, '2 no\n'],
  [['-w', '/new/dir', 'bb', 'pwd'], 0, '/new/dir\n'],
  [
    ['-w', 'relative', 'bb', 'pwd'],
    125,
    '',
    "the working directory 'relative' is invalid, it needs to be an absolute path",
  ],
  [['-w', '/etc/passwd', 'bb', 'pwd'], 125, '', 'Cannot mkdir: /etc/passwd is not a directory'],
  [['-h', 'box', 'bb', 'sh', '-c', 'hostname; cat /etc/hostname; echo $HOSTNAME'], 0, 'box\nbox\nbox\n'],
  [['--domainname', 'lan', 'bb', 'cat', '/proc/sys/kernel/domainname'], 0, 'lan\n'],
  [['--add-host', 'db:10.1.2.3', 'bb', 'tail', '-n', '1', '/etc/hosts'], 0, '10.1.2.3\tdb\n'],
  [['--dns', '9.9.9.9', 'bb', 'grep', 'nameserver', '/etc/resolv.conf'], 0, 'nameserver 9.9.9.9\n'],
  [
    ['--read-only', 'bb', 'sh', '-c', 'touch /x || echo ro; touch /etc/hosts || echo ro; touch /dev/shm/x && echo rw'],
    0,
    'ro\nro\nrw\n',
    'Read-only',
  ],
  [
    ['--tmpfs', '/t:size=1m', 'bb', 'sh', '-c', 'grep " /t " /proc/mounts'],
    0,
    'tmpfs /t tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k 0 0\n',
  ],
  [['--shm-size', '1m', 'bb', 'sh', '-c', 'grep -o "size=1024k" /proc/mounts'], 0, 'size=1024k\n'],
  [['--sysctl', 'net.ipv4.ip_forward=1', 'bb', 'cat', '/proc/sys/net/ipv4/ip_forward'], 0, '1\n'],
  [['--sysctl', 'kernel.msgmax=12345', 'bb', 'cat', '/proc/sys/kernel/msgmax'], 0, '12345\n'],
  [['--ulimit', 'nofile=99:100', 'bb', 'sh', '-c', 'ulimit -Sn; ulimit -Hn'], 0, '99\n100\n'],
  [['bb', 'sh', '-c', 'ulimit -Sn; umask'], 0, '1024\n0022\n'],
  [
    ['--device', '/dev/nope', 'bb', 'true'],
    127,
    '',
    'error gathering device information while adding custom device "/dev/nope": no such file or directory',
  ],
  [['--network', 'bogus', 'bb', 'true'], 125, '', 'network bogus not found'],
  [
    ['--name', 'a b', 'bb', 'true'],
    125,
    '',
    'Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  ],
  [['--pull', 'never', 'nosuch', 'true'], 125, '', 'No such image: nosuch'],
  [['--cap-add', 'BOGUS', 'bb', 'true'], 125, '', 'invalid CapAdd: unknown capability: "CAP_BOGUS"'],
  [['bb', 'sh', '-c', 'ip addr show lo | grep -c "inet "; ip link | grep -c mtu'], 0, '1\n1\n'],
  [['--init', '--oom-score-adj', '500', 'bb', 'cat', '/proc/self/oom_score_adj'], 0, '500\n'],
  [['--privileged', 'bb', 'sh', '-c', 'mount -t tmpfs none /tmp && grep -c Seccomp:.0 /proc/self/status'], 0, '1\n'],
  [['--pid', 'host', 'bb', 'sh', '-c', 'test $$ -gt 5 && echo host'], 0, 'host\n'],
];

for (const [args, status, stdout, stderr] of table) {
  test(`tsrun ${args.join(' ')}`, { skip }, () => {
    const outcome = tsrun(root, ['--rm', ...args]);
    assert.equal(outcome.status, status, outcome.stderr);
    if (typeof stdout === 'string') assert.equal(outcome.stdout, stdout);
    else assert.match(outcome.stdout, stdout);
    // A machine that lacks a capability warns about it.
    if (stderr === undefined) assert.equal(outcome.stderr.replace(/^WARNING: this process lacks .*\n/, ''), '');
    else assert.ok(outcome.stderr.includes(stderr), outcome.stderr);
  });
}

test('nothing is left of all these', { skip }, () => {
  assert.deepEqual(readdirSync(join(root, 'tspull', 'containers')), []);
  assert.deepEqual(readdirSync(join(root, 'tspull', 'live')), []);
  assert.deepEqual(readdirSync(join(root, 'tspull', 'names')), []);
  assert.deepEqual(readdirSync(join(root, 'image', 'overlay2', 'layerdb', 'mounts')), []);
  assert.deepEqual(readdirSync(join(root, 'overlay2')).length, 4);
});

test('input with -i only, to its end', { skip }, (t) => {
  assert.equal(tsrun(root, ['--rm', '-i', 'bb', 'cat'], { input: 'text' }).stdout, 'text');
  assert.equal(tsrun(root, ['--rm', 'bb', 'cat'], { input: 'text' }).stdout, '');
  const shell = 'printf abc >"$1/f"; $TSRUN --rm -i bb cat <"$1/f"';
  assert.equal(tsrun(root, [tempDir(t)], { shell }).stdout, 'abc');
});

test('megabytes through files and pipes arrive whole', { skip }, (t) => {
  const shell =
    '$TSRUN --rm bb sh -c "yes | head -c 5000000; yes no | head -c 3000000 >&2" >"$1/out" 2>"$1/err"; wc -c <"$1/out"; wc -c <"$1/err"; $TSRUN --rm -i bb wc -c <"$1/out"';
  assert.equal(tsrun(root, [tempDir(t)], { shell }).stdout.replaceAll(' ', ''), '5000000\n3000000\n5000000\n');
});

test('a reader that goes away ends the container', { skip }, () => {
  assert.equal(tsrun(root, [], { shell: '$TSRUN --rm bb yes | head -n 1' }).stdout, 'y\n');
});

test('volumes', { skip }, (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'source'));
  writeFileSync(join(dir, 'source', 'file'), 'content');
  const run = (...args: string[]) => tsrun(root, ['--rm', ...args]);
  assert.equal(run('-v', `${dir}/source:/deep/er/data`, 'bb', 'cat', '/deep/er/data/file').stdout, 'content');
  assert.equal(run('-v', `${dir}/source/file:/x/one`, 'bb', 'cat', '/x/one').stdout, 'content');
  assert.equal(run('-v', `${dir}/source:/v:ro`, 'bb', 'touch', '/v/x').status, 1);
  assert.equal(run('-v', `${dir}/made/by:/v`, 'bb', 'true').status, 0);
  assert.ok(existsSync(join(dir, 'made', 'by')));
  assert.match(
    run('--mount', `type=bind,src=${dir}/nope,dst=/v`, 'bb', 'true').stderr,
    /bind source path does not exist/,
  );
  const nested = run(
    '-v',
    `${dir}/source:/v`,
    '--tmpfs',
    '/v/inner',
    '-v',
    `${dir}/source/file:/v/inner/f`,
    'bb',
    'cat',
    '/v/inner/f',
  );
  assert.equal(nested.stdout, 'content');
  assert.equal(run('-v', `${dir}/source/file:/etc/hosts:ro`, 'bb', 'cat', '/etc/hosts').stdout, 'content');
  assert.equal(run('-v', `${dir}/source:/dev/extra`, 'bb', 'cat', '/dev/extra/file').stdout, 'content');
});

test('a device with less than all access', { skip }, (t) => {
  const device = ['/dev/fuse', '/dev/loop-control', '/dev/net/tun'].find((path) => existsSync(path));
  if (device === undefined) return t.skip('needs one of a few harmless devices');
  const probe =
    'exec 3</dev/sub/x && echo read; (exec 3>/dev/sub/x) 2>/dev/null || echo refused; test -e /dev/null/x || echo end';
  const allowed = tsrun(root, ['--rm', '--device', `${device}:/dev/sub/x:r`, 'bb', 'sh', '-c', probe]);
  assert.equal(allowed.stdout, 'read\nrefused\nend\n', allowed.stderr);
});

test('a container without --rm keeps its name, its layer and how it ended', { skip }, () => {
  assert.equal(tsrun(root, ['--name', 'kept', 'bb', 'sh', '-c', 'touch /mine; exit 4']).status, 4);
  const again = tsrun(root, ['--name', 'kept', 'bb', 'true']);
  assert.equal(again.status, 125);
  assert.match(again.stderr, /Conflict\. The container name "\/kept" is already in use by container "[0-9a-f]{64}"/);
  assert.equal(readdirSync(join(root, 'tspull', 'containers')).length, 1);
  assert.equal(readdirSync(join(root, 'image', 'overlay2', 'layerdb', 'mounts')).length, 1);
});

test('without arguments it shows its usage', { skip }, () => {
  const { status, stderr } = tsrun(root, []);
  assert.equal(status, 1);
  assert.match(stderr, /requires at least 1 argument/);
  assert.equal(tsrun(root, ['--help']).status, 0);
});
