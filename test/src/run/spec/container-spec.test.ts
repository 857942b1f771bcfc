import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageRunConfig, RunOptions } from '../../../../src/run/run-options.js';
import { type ContainerSpec, containerSpec, searchPath } from '../../../../src/run/spec/container-spec.js';
import { DEFAULT_PATH } from '../../../../src/run/spec/environment.js';
import { KnownError } from '../../../../store/errors.js';

const host = {
  hostname: 'machine',
  hosts: '127.0.0.1 localhost\n',
  resolvConf: 'search lan\nnameserver 127.0.0.53\nnameserver 10.0.0.1\noptions edns0\n',
  onlineCpus: '0-1',
  onlineMems: () => '0',
  capabilities: 0x1fffeffffffn,
  hardLimit: () => 20000n,
};
const id = 'ab12'.repeat(16);

function spec(
  options: RunOptions = {},
  image: ImageRunConfig = { Cmd: ['sh'] },
  command: string[] = [],
): ContainerSpec {
  return containerSpec(id, { image, command, options, host });
}

const refused = (message: string | RegExp) => (error: unknown) =>
  error instanceof KnownError &&
  error.exitCode === 125 &&
  (typeof message === 'string' ? error.message === message : message.test(error.message));

for (const [what, image, command, options, expected] of [
  ['the image command', { Cmd: ['a', 'b'] }, [], {}, ['a', 'b']],
  ['entrypoint and command', { Entrypoint: ['e'], Cmd: ['c'] }, [], {}, ['e', 'c']],
  ['arguments replace the command', { Entrypoint: ['e'], Cmd: ['c'] }, ['x', 'y'], {}, ['e', 'x', 'y']],
  ['an entrypoint drops the image command', { Entrypoint: ['e'], Cmd: ['c'] }, [], { entrypoint: ['n'] }, ['n']],
  ['an entrypoint with arguments', { Entrypoint: ['e'], Cmd: ['c'] }, ['x'], { entrypoint: ['n'] }, ['n', 'x']],
  ['an empty entrypoint', { Entrypoint: ['e'], Cmd: ['c'] }, ['x'], { entrypoint: [] }, ['x']],
] as const) {
  test(`command: ${what}`, () => {
    assert.deepEqual(spec(options as RunOptions, image as unknown as ImageRunConfig, [...command]).argv, expected);
  });
}

test('no command is an error', () => {
  assert.throws(() => spec({}, {}), refused('No command specified'));
  assert.throws(() => spec({ entrypoint: [] }, { Cmd: ['c'] }), refused('No command specified'));
});

test('environment: order, replacement, removal', () => {
  const image = { Cmd: ['sh'], Env: ['PATH=/x', 'A=image', 'B=image'] };
  assert.deepEqual(spec({ env: ['A=1', 'C=2', 'A=3'], tty: true }, image).env, [
    'PATH=/x',
    'HOSTNAME=ab12ab12ab12',
    'TERM=xterm',
    'A=3',
    'C=2',
    'B=image',
  ]);
  assert.deepEqual(spec({ env: ['PATH'] }).env, ['HOSTNAME=ab12ab12ab12']);
  assert.deepEqual(spec().env, [`PATH=${DEFAULT_PATH}`, 'HOSTNAME=ab12ab12ab12']);
  assert.deepEqual(searchPath(spec({ env: ['PATH=/a::b'] })), ['/a', '.', 'b']);
});

test('host name', () => {
  assert.equal(spec().hostname, 'ab12ab12ab12');
  assert.equal(spec({ hostname: 'box' }).hostname, 'box');
  assert.equal(spec({ network: 'host' }).hostname, 'machine');
  assert.equal(spec({ hostname: 'x'.repeat(64) }).hostname.length, 64);
  assert.throws(() => spec({ hostname: 'x'.repeat(65) }), refused(/longer than 64 bytes/));
  assert.throws(() => spec({ hostname: 'x', uts: 'host' }), refused(/conflicting options/));
});

test('working directory', () => {
  assert.equal(spec().workdir, '/');
  assert.equal(spec({}, { Cmd: ['a'], WorkingDir: '/a/../b' }).workdir, '/b');
  assert.equal(spec({}, { Cmd: ['a'], WorkingDir: '../../x' }).workdir, '/x');
  assert.equal(spec({ workdir: '/w' }, { Cmd: ['a'], WorkingDir: '/a' }).workdir, '/w');
  assert.throws(
    () => spec({ workdir: 'relative' }),
    refused("the working directory 'relative' is invalid, it needs to be an absolute path"),
  );
});

test('hosts and resolv.conf', () => {
  const { files } = spec({ extraHosts: ['db:10.0.0.9', 'six:fe80::1'] });
  assert.ok(files.hosts.startsWith('127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n'));
  assert.ok(files.hosts.endsWith('10.0.0.9\tdb\nfe80::1\tsix\n'));
  assert.equal(files.resolvConf, 'search lan\nnameserver 10.0.0.1\noptions edns0\n');
  assert.equal(spec({ dns: ['1.1.1.1'] }).files.resolvConf, 'search lan\nnameserver 1.1.1.1\noptions edns0\n');
  assert.equal(spec({ dns: ['1.1.1.1'], dnsSearch: ['.'] }).files.resolvConf, 'nameserver 1.1.1.1\noptions edns0\n');
  assert.equal(spec({ network: 'host' }).files.resolvConf, host.resolvConf);
  assert.equal(spec({ network: 'host', extraHosts: ['a:1.2.3.4'] }).files.hosts, '127.0.0.1 localhost\n1.2.3.4\ta\n');
});

for (const [options, mask] of [
  [{}, 0xa80425fbn],
  [{ capDrop: ['ALL'] }, 0n],
  [{ capDrop: ['all'], capAdd: ['net_raw'] }, 1n << 13n],
  [{ capDrop: ['CAP_CHOWN'] }, 0xa80425fan],
  [{ capAdd: ['SYS_ADMIN'] }, 0xa80425fbn | (1n << 21n)],
  [{ capAdd: ['ALL'], capDrop: ['MKNOD'] }, 0x1fffeffffffn & ~(1n << 27n)],
  [{ privileged: true }, 0x1fffeffffffn],
] as const) {
  test(`capabilities: ${JSON.stringify(options)}`, () => {
    assert.equal(spec(options as unknown as RunOptions).capabilities, mask);
  });
}

test('capabilities that nobody has are refused', () => {
  assert.throws(() => spec({ capAdd: ['BOGUS'] }), refused('invalid CapAdd: unknown capability: "CAP_BOGUS"'));
  assert.throws(() => spec({ capAdd: ['SYS_RESOURCE'] }), refused(/cannot grant CAP_SYS_RESOURCE/));
});

for (const [options, message] of [
  [{ memory: 1024 }, 'Minimum memory limit allowed is 6MB'],
  [{ memory: 2 ** 25, memorySwap: 2 ** 24 }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ cpus: 9 }, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ cpusetCpus: '9' }, 'Requested CPUs are not available - requested 9, available: 0-1'],
  [{ oomScoreAdj: 2000 }, 'Invalid value 2000, range for oom score adj is [-1000, 1000]'],
  [{ sysctls: { 'kernel.core_pattern': '|/x' } }, 'sysctl "kernel.core_pattern" is not in a separate kernel namespace'],
  [{ sysctls: { 'net..x': '1' } }, 'sysctl "net..x" is not in a separate kernel namespace'],
  [{ network: 'host', sysctls: { 'net.x': '1' } }, 'sysctl "net.x" is not in a separate kernel namespace'],
  [{ ulimits: [{ name: 'bogus', soft: 1, hard: 1 }] }, 'invalid ulimit type: bogus'],
] as const) {
  test(`refused: ${JSON.stringify(options)}`, () => {
    assert.throws(() => spec(options as unknown as RunOptions), refused(message));
  });
}

test('a missing device is refused with 127, as Docker ends', () => {
  const devices = [{ source: '/dev/nope', target: '/dev/nope', permissions: 'rwm' }];
  assert.throws(
    () => spec({ devices }),
    (error) => error instanceof KnownError && error.exitCode === 127,
  );
});

test('limits are cut to what this process may set', () => {
  const { rlimits, warnings } = spec({ ulimits: [{ name: 'nofile', soft: 50000, hard: 60000 }] });
  assert.deepEqual(rlimits, [{ resource: 7, soft: 20000n, hard: 20000n }]);
  assert.match(warnings.join(), /nofile is cut to 20000/);
  assert.deepEqual(spec().rlimits, [{ resource: 7, soft: 1024n, hard: 20000n }]);
});
