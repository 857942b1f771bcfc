/** Namespaces of other containers, and those of the host that are asked for by name. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrun, tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

// The number of a namespace that is gone is given to the next: only those that live are compared.
const kinds = ['net', 'ipc', 'uts', 'pid'];
const namespaces = `for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`;

/** A container that prints its namespaces and stays until it is killed. */
async function donor(name: string, ...flags: string[]): Promise<{ list: string[]; end: () => Promise<void> }> {
  const script = `${namespaces}; echo shared >/dev/shm/file; echo up; exec sleep 600`;
  const child = tsrunAsync(root, ['--rm', '--name', name, ...flags, 'bb', 'sh', '-c', script]);
  await child.printed('up\n');
  return {
    list: readNamespaces(name),
    async end() {
      child.kill('SIGKILL');
      await child.ended;
    },
  };
}

/** From outside: the namespaces of the container's first process. */
function readNamespaces(name: string): string[] {
  return tsrun(root, ['--rm', ...flagsFor(name, ['net', 'ipc', 'uts', 'pid']), 'bb', 'sh', '-c', namespaces])
    .stdout.trim()
    .split('\n');
}

const option: Record<string, string> = { net: '--network', ipc: '--ipc', uts: '--uts', pid: '--pid' };
const flagsFor = (name: string, list: readonly string[]): string[] =>
  list.flatMap((kind) => [option[kind] ?? '', `container:${name}`]);

test('each namespace of a container can be joined, and nothing else of it', { skip }, async () => {
  const first = await donor('first', '-h', 'first-host');
  try {
    for (const kind of ['net', 'ipc', 'uts', 'pid']) {
      const { stdout, stderr } = tsrun(root, ['--rm', ...flagsFor('first', [kind]), 'bb', 'sh', '-c', namespaces]);
      const mine = stdout.trim().split('\n');
      const shared = kinds.filter((_, index) => mine[index] === first.list[index]);
      assert.deepEqual(shared, [kind], stderr);
    }
    const look = 'hostname; cat /etc/hostname; cat /dev/shm/file; ps | grep -c "[s]leep 600"';
    const all = tsrun(root, ['--rm', ...flagsFor('first', ['net', 'ipc', 'uts', 'pid']), 'bb', 'sh', '-c', look]);
    assert.equal(all.stdout, 'first-host\nfirst-host\nshared\n1\n', all.stderr);
    // Its own shared memory, its own name.
    assert.notEqual(tsrun(root, ['--rm', 'bb', 'cat', '/dev/shm/file']).status, 0);
    const network = tsrun(root, [
      '--rm',
      ...flagsFor('first', ['net']),
      'bb',
      'sh',
      '-c',
      'hostname; cat /etc/hostname',
    ]);
    assert.equal(network.stdout, 'first-host\nfirst-host\n');
    // What is written to the files of the network is seen by both.
    tsrun(root, ['--rm', ...flagsFor('first', ['net']), 'bb', 'sh', '-c', 'echo 10.0.0.1 other >>/etc/hosts']);
    const hosts = tsrun(root, ['--rm', ...flagsFor('first', ['net']), 'bb', 'cat', '/etc/hosts']).stdout;
    assert.match(hosts, /10\.0\.0\.1 other/);
  } finally {
    await first.end();
  }
});

test('a container of a container: the network and its files are those of the first', { skip }, async () => {
  const first = await donor('base', '-h', 'base-host');
  const second = await donor('middle', '--network', 'container:base', '--init');
  try {
    const { stdout, stderr } = tsrun(root, [
      '--rm',
      '--network',
      'container:middle',
      'bb',
      'sh',
      '-c',
      'readlink /proc/self/ns/net; cat /etc/hostname',
    ]);
    assert.equal(stdout, `${first.list[0]}\nbase-host\n`, stderr);
  } finally {
    await second.end();
    await first.end();
  }
});

test('what cannot be joined', { skip }, async () => {
  const first = await donor('here');
  try {
    const { stderr, status } = tsrun(root, ['--rm', '--network', 'container:nosuch', 'bb', 'true']);
    assert.deepEqual([status, stderr], [125, 'tsrun: No such container: nosuch\n']);
    for (const flags of [
      ['-h', 'x'],
      ['--dns', '9.9.9.9'],
      ['--add-host', 'a:1.2.3.4'],
    ]) {
      const outcome = tsrun(root, ['--rm', '--network', 'container:here', ...flags, 'bb', 'true']);
      assert.equal(outcome.status, 125);
      assert.match(outcome.stderr, /conflicting options: .* and the network mode/);
    }
    assert.equal(tsrun(root, ['--rm', '--network', 'container:', 'bb', 'true']).status, 125);
    assert.equal(tsrun(root, ['--sandbox', '--pid', 'container:here', 'bb', 'true']).status, 125);
  } finally {
    await first.end();
  }
  assert.equal(tsrun(root, ['--name', 'ended', 'bb', 'true']).status, 0);
  const { status, stderr } = tsrun(root, ['--rm', '--pid', 'container:ended', 'bb', 'true']);
  assert.equal(status, 125);
  assert.match(stderr, /cannot join PID of a non running container: [0-9a-f]{64}/);
  assert.deepEqual(readdirSync(join(root, 'tspull/live')), []);
});

test('in the pid namespace of another, nothing of the set-up can be reached', { skip }, async () => {
  // The first one watches for new processes, and for what it can read of them before they execute their command.
  const spy = `up=1; echo up; while true; do for p in /proc/[0-9]*; do n=\${p#/proc/}; test $n = 1 && continue
      test $n = $$ && continue; e=$(readlink $p/exe 2>/dev/null); case "$e" in *memfd*|*node*) echo "exe $e";; esac
      ls $p/root/usr/bin/node 2>/dev/null; done; done`;
  const first = tsrunAsync(root, ['--rm', '--name', 'spy', 'bb', 'sh', '-c', spy]);
  await first.printed('up\n');
  for (let round = 0; round < 15; round++)
    assert.equal(tsrun(root, ['--rm', '--pid', 'container:spy', 'bb', 'true']).status, 0);
  first.kill('SIGKILL');
  assert.equal((await first.ended).stdout, 'up\n');
});

test('the cgroup namespace of the host shows where the container is, and still no other', { skip }, () => {
  const look =
    'cut -d: -f3 /proc/self/cgroup | sort -u | grep -c tspull; find /sys/fs/cgroup -type d | wc -l; mkdir /sys/fs/cgroup/pids/x';
  const own = tsrun(root, ['--rm', '--cgroupns', 'private', 'bb', 'sh', '-c', look]);
  const host = tsrun(root, ['--rm', '--cgroupns', 'host', 'bb', 'sh', '-c', look]);
  assert.equal(own.stdout.split('\n')[0], '0');
  assert.equal(host.stdout.split('\n')[0], '1', host.stderr);
  assert.equal(own.stdout.split('\n')[1], host.stdout.split('\n')[1]);
  assert.match(host.stderr, /Read-only file system|nonexistent|No such file/);
});

test('unmasked paths, rules for devices, privileges that this machine lacks', { skip }, () => {
  const look = 'grep -c " /proc/sys " /proc/mounts; grep -c " /proc/keys " /proc/mounts';
  assert.equal(
    tsrun(root, ['--rm', '--security-opt', 'systempaths=unconfined', 'bb', 'sh', '-c', look]).stdout,
    '0\n0\n',
  );
  const open =
    'mknod /x b 7 0; (: </x) 2>/dev/null && echo opened; mknod /y c 1 1; (: </y) 2>/dev/null && echo memory; echo end';
  assert.equal(tsrun(root, ['--rm', 'bb', 'sh', '-c', open]).stdout, 'end\n');
  assert.equal(
    tsrun(root, ['--rm', '--device-cgroup-rule', 'b 7:0 r', 'bb', 'sh', '-c', open]).stdout,
    'opened\nend\n',
  );
  for (const rule of ['c 1:11', 'x 1:1 r', 'c 1:1 rx', 'c 1:1:1 r', 'c a:b r'])
    assert.equal(tsrun(root, ['--rm', '--device-cgroup-rule', rule, 'bb', 'true']).status, 125, rule);
  const { stderr, status, stdout } = tsrun(root, ['--rm', '--privileged', 'bb', 'grep', 'CapEff', '/proc/self/status']);
  assert.equal(status, 0);
  const [mine = ''] = /^CapPrm:\t([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.slice(1) ?? [];
  assert.equal(stdout, `CapEff:\t${mine}\n`);
  const lacks = (BigInt(`0x${mine}`) & 0x3fffffffffn) !== 0x3fffffffffn;
  assert.equal(
    /^WARNING: this process lacks CAP_\w+(, CAP_\w+)*: the container is privileged without$/m.test(stderr),
    lacks,
  );
});

test('AppArmor profiles that are not there', { skip }, () => {
  const { status, stderr } = tsrun(root, ['--rm', '--security-opt', 'apparmor=no-such-profile', 'bb', 'true']);
  assert.equal(status, 125);
  assert.match(
    stderr,
    /AppArmor profile "no-such-profile"(: this kernel has no AppArmor, or it is switched off| is not loaded)\n {2}hint/,
  );
  assert.equal(tsrun(root, ['--rm', '--security-opt', 'apparmor=unconfined', 'bb', 'true']).status, 0);
});

test('a name that a container wrote to its hostname file is taken as a name only', { skip }, async () => {
  const first = await donor('liar');
  const id = readlinkSync(join(root, 'tspull/names/liar'));
  writeFileSync(join(root, 'tspull/containers', id, 'hostname'), `\u001b[31m${'x'.repeat(1_000_000)}`);
  try {
    assert.equal(
      tsrun(root, ['--rm', '--uts', 'container:liar', 'bb', 'sh', '-c', 'echo $HOSTNAME']).stdout,
      `${id.slice(0, 12)}\n`,
    );
  } finally {
    await first.end();
  }
});

test('what was killed is swept', { skip }, () => {
  assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
  assert.deepEqual(readdirSync(join(root, 'tspull/live')), []);
});
