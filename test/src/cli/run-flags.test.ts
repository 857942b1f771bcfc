import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseFlags } from '../../../src/cli/run-flag-parser.js';
import { runFlags } from '../../../src/cli/run-flags.js';
import { optionsFromFlags } from '../../../src/cli/run-options-from-flags.js';
import type { RunOptions } from '../../../src/run/run-options.js';
import { KnownError } from '../../../store/errors.js';
import { tempDir } from '../../support/temp.js';

const parse = (...args: string[]) => parseFlags(runFlags, args);
const options = (...args: string[]): RunOptions => optionsFromFlags(parse(...args, 'image'), { CALLER: 'yes' });
const refused = (message: string | RegExp) => (error: unknown) =>
  error instanceof KnownError &&
  error.exitCode === 125 &&
  (typeof message === 'string' ? error.message === message : message.test(error.message));

test('flags end at the image', () => {
  const flags = parse('--rm', '-it', '-e', 'A=1', '-eB=2', '--env=C=3', 'image', '-t', '--rm=x');
  assert.ok(flags.has('rm') && flags.has('interactive') && flags.has('tty'));
  assert.deepEqual(flags.all('env'), ['A=1', 'B=2', 'C=3']);
  assert.deepEqual(flags.rest, ['image', '-t', '--rm=x']);
  assert.deepEqual(parse('--', '-x').rest, ['-x']);
  assert.deepEqual(parse('-', 'y').rest, ['-', 'y']);
});

test('switches and the last value', () => {
  assert.ok(!parse('--rm', '--rm=false', 'i').has('rm'));
  assert.ok(parse('-t=1', 'i').has('tty'));
  assert.equal(parse('-m', '1g', '--memory=2g').last('memory'), '2g');
  assert.equal(parse('-itw/x').last('workdir'), '/x');
  assert.equal(parse('--name=').last('name'), '');
});

for (const [args, message] of [
  [['--foo'], 'unknown flag: --foo'],
  [['-Z'], "unknown shorthand flag: 'Z' in -Z"],
  [['-tZ'], "unknown shorthand flag: 'Z' in -tZ"],
  [['--name'], 'flag needs an argument: --name'],
  [['-e'], "flag needs an argument: 'e' in -e"],
  [['--rm=x'], 'invalid argument "x" for "--rm" flag: strconv.ParseBool: parsing "x": invalid syntax'],
] as const) {
  test(`refused: ${args.join(' ')}`, () => assert.throws(() => parse(...args), refused(message)));
}

test('environment variables', (t) => {
  const file = join(tempDir(t), 'env');
  writeFileSync(file, '\ufeff# comment\n\n  A="quoted"\nCALLER\nNONE\r\nB=x=y\n');
  assert.deepEqual(options('-e', 'CALLER', '-e', 'MISSING', '-e', 'A=', '--env-file', file).env, [
    'A="quoted"',
    'CALLER=yes',
    'B=x=y',
    'CALLER=yes',
    'A=',
  ]);
  assert.throws(() => options('-e', '=x'), refused('invalid environment variable: =x'));
  writeFileSync(file, 'a b=1\n');
  assert.throws(
    () => options('--env-file', file),
    refused("poorly formatted environment: variable 'a b' contains whitespaces"),
  );
  writeFileSync(file, Buffer.from('A=1\n', 'utf16le'));
  assert.throws(() => options('--env-file', file), refused(/invalid utf8/));
  assert.throws(() => options('--env-file', '/nope'), refused(/no such file/));
});

for (const [text, bytes] of [
  ['6291456', 6291456],
  ['6m', 6291456],
  ['1.5g', 1610612736],
  ['1GiB', 1073741824],
  ['2kb', 2048],
] as const) {
  test(`size ${text}`, () => assert.equal(options('-m', text).memory, bytes));
}

test('sizes that are none', () => {
  for (const text of ['x', '', '-5', '1e3', '1q'])
    assert.throws(
      () => options('-m', text),
      refused(new RegExp(`^invalid argument "${text}" for "-m, --memory" flag`)),
    );
  assert.equal(options('--memory-swap', '-1').memorySwap, -1);
});

test('volumes', () => {
  assert.deepEqual(options('-v', '/a:/b:ro,rslave', '-v', '/c:/d').mounts, [
    { type: 'bind', source: '/a', target: '/b', createSource: true, propagation: 'rslave', readonly: true },
    { type: 'bind', source: '/c', target: '/d', createSource: true },
  ]);
  assert.throws(
    () => options('-v', 'rel/path:/x'),
    refused(/only "\[a-zA-Z0-9\]\[a-zA-Z0-9_.-\]" are allowed.*use absolute path/),
  );
  assert.throws(() => options('-v', '/a:/b:bogus'), refused(/invalid mode: bogus/));
  assert.throws(() => options('-v', '/a:b'), refused(/mount path must be absolute/));
  assert.deepEqual(options('-v', 'name:/x:ro,nocopy', '-v', '/y').mounts, [
    { type: 'volume', target: '/x', name: 'name', readonly: true, noCopy: true },
    { type: 'volume', target: '/y' },
  ]);
});

test('mounts', () => {
  assert.deepEqual(options('--mount', 'type=bind,"src=/a,b",dst=/c,ro').mounts, [
    { type: 'bind', source: '/a,b', target: '/c', readonly: true, nonRecursive: false },
  ]);
  assert.deepEqual(options('--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700').mounts, [
    { type: 'tmpfs', target: '/t', options: 'size=1m,mode=700' },
  ]);
  assert.deepEqual(options('--tmpfs', '/t:size=1m,exec').mounts, [
    { type: 'tmpfs', target: '/t', options: 'size=1m,exec' },
  ]);
  assert.throws(() => options('--mount', 'foo=1'), refused(/unexpected key 'foo' in 'foo=1'/));
  assert.throws(() => options('--mount', 'type=bind,src=/a'), refused(/target is required/));
  assert.throws(
    () => options('--mount', 'type=bind,src=/a,dst=/b,bind-propagation=x'),
    refused(/invalid propagation mode/),
  );
});

test('the rest', () => {
  const all = options(
    '--ulimit',
    'nofile=10:20',
    '--device',
    '/dev/zero:/dev/x:r',
    '--add-host',
    'a:[::1]',
    '--network=host',
    '--entrypoint',
    '',
    '--cpus',
    '.5',
    '--security-opt',
    'no-new-privileges',
    '--security-opt=seccomp=unconfined',
    '--label',
    'a=b=c',
    '--sysctl',
    'net.x=1 2',
  );
  assert.deepEqual(all.ulimits, [{ name: 'nofile', soft: 10, hard: 20 }]);
  assert.deepEqual(all.devices, [{ source: '/dev/zero', target: '/dev/x', permissions: 'r' }]);
  assert.deepEqual(all.extraHosts, ['a:::1']);
  assert.deepEqual(all.entrypoint, []);
  assert.deepEqual([all.network, all.cpus, all.noNewPrivileges, all.seccomp], ['host', 0.5, true, 'unconfined']);
  assert.deepEqual([all.labels, all.sysctls], [{ a: 'b=c' }, { 'net.x': '1 2' }]);
  for (const args of [
    ['--ulimit', 'nofile'],
    ['--ulimit', 'nofile=20:10'],
    ['--device', '/dev/x:/etc/x'],
    ['--device', '/dev/x:/dev/../etc/x'],
    ['--add-host', 'a'],
    ['--add-host', 'a:b'],
    ['--network', 'bogus'],
    ['--stop-signal', 'BADSIG'],
    ['--security-opt', 'bogus'],
    ['--security-opt', 'seccomp=/nope'],
    ['--dns', 'x'],
    ['--pids-limit', 'x'],
    ['--pid', 'bogus'],
  ])
    assert.throws(() => options(...args), refused(/./), args.join(' '));
});
