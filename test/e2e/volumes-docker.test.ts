/** Volumes: the same command lines through docker and ours, one after the other on both sides. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const run = (...args: string[]): string[] => ['run', '--network', 'none', ...args];
const volume = (...args: string[]): string[] => ['volume', ...args];
const look = 'stat -c "%u %g %a %n" /vol /vol/*; stat -c %Y /vol/file; cat /vol/file; readlink /vol/link';

/** In this order: the names that one makes are used by others. `bb` is an image that declares a volume /vol, filled. */
const cases: string[][] = [
  volume('create', 'v1'),
  volume('create', 'v1'),
  volume('create', 'a'),
  volume('create', '../x'),
  volume('create', '.hidden'),
  volume('create', 'a/b'),
  volume('create', '--label', 'a=b', '--label', 'c', 'v2'),
  volume('create', '-d', 'nosuch', 'v3'),
  volume('create', 'one', 'two'),
  volume('create', '--bogus'),
  volume('ls'),
  volume('ls', '-q'),
  volume('ls', '--format', 'json'),
  volume('ls', '--format', '{{.Name}}|{{.Labels}}|{{.Scope}}|{{.Links}}|{{.Size}}|{{.Driver}}'),
  volume('ls', '--format', 'table {{.Name}}\t{{.Mountpoint}}'),
  volume('ls', '-f', 'dangling=true', '-q'),
  volume('ls', '-f', 'dangling=false', '-q'),
  volume('ls', '-f', 'name=v', '-q'),
  volume('ls', '-f', 'name=2', '-q'),
  volume('ls', '-f', 'label=a', '-q'),
  volume('ls', '-f', 'label=a=x', '-q'),
  volume('ls', '-f', 'driver=local', '-q'),
  volume('ls', '-f', 'driver=other', '-q'),
  volume('ls', '-f', 'bogus=1'),
  volume('inspect', 'v2', 'nosuch'),
  volume('inspect', 'nosuch'),
  volume('inspect', '-f', '{{.Name}} {{.Labels}} {{.Options}} {{.Driver}} {{.Scope}}', 'v1', 'v2'),
  run('--name', 'c1', '-v', 'v1:/vol', 'bb', 'sh', '-c', look),
  run('--rm', '-v', 'v1:/vol', 'bb', 'sh', '-c', 'echo new >/vol/file; rm /vol/link; ls -A /vol'),
  run('--rm', '-v', 'v1:/vol', 'bb', 'sh', '-c', 'cat /vol/file; ls -A /vol'),
  run('--rm', '-v', 'v1:/vol:ro', 'bb', 'sh', '-c', 'touch /vol/x; ls -A /vol'),
  run('--rm', '-v', 'fresh:/vol:nocopy', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '-v', 'fresh:/vol', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '-v', 'elsewhere:/none/there', 'bb', 'sh', '-c', 'ls -A /none/there; stat -c "%u %g %a" /none/there'),
  run('--rm', '-v', 'of-alice:/home/alice', 'bb', 'stat', '-c', '%u %g %a', '/home/alice'),
  run('--rm', '-v', 'v1:/a', '-v', 'v2:/a', 'bb', 'true'),
  run('--rm', '-v', 'v1:/', 'bb', 'true'),
  run('--rm', '-v', 'v1:rel', 'bb', 'true'),
  run('--rm', '-v', 'v1:/x:bogus', 'bb', 'true'),
  run('--rm', '--mount', 'type=volume,source=v7,target=/vol,volume-nocopy', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '--mount', 'src=v6,dst=/vol', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '--mount', 'target=/vol,readonly', 'bb', 'true'),
  run('--rm', '--mount', 'target=/vol', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '--mount', 'type=volume,src=v8,dst=/q,volume-label=a=b', 'bb', 'true'),
  volume('inspect', '-f', '{{.Labels}}', 'v8'),
  run('--rm', '--mount', 'type=volume,src=/abs,dst=/q', 'bb', 'true'),
  run('--rm', '--mount', 'type=bind,src=/tmp,dst=/q,volume-nocopy', 'bb', 'true'),
  run('--rm', '--volumes-from', 'c1', 'bb', 'cat', '/vol/file'),
  run('--rm', '--volumes-from', 'c1:ro', 'bb', 'touch', '/vol/x'),
  run('--rm', '--volumes-from', 'c1', '-v', 'v8:/vol', 'bb', 'ls', '-A', '/vol'),
  run('--rm', '--volumes-from', 'nosuch', 'bb', 'true'),
  run('--rm', '--volumes-from', 'c1:bogus', 'bb', 'true'),
  volume('rm', 'v1'),
  volume('rm', 'nosuch'),
  volume('rm', '-f', 'nosuch'),
  volume('rm', 'v2', 'nosuch', 'v7'),
  volume('ls'),
  run('--name', 'c2', 'bb', 'true'),
  volume('ls'),
  ['rm', 'c2'],
  volume('ls'),
  run('--rm', 'bb', 'true'),
  volume('ls'),
  run('--name', 'c3', '-v', '/anonymous', 'bb', 'true'),
  run('--name', 'c4', '--volumes-from', 'c3', 'bb', 'true'),
  ['rm', '-v', 'c3'],
  volume('ls'),
  ['rm', '-v', 'c4'],
  volume('ls'),
  ['rm', '-v', 'c1'],
  volume('ls', '-q'),
  volume('rm', 'v1', 'v6', 'v8', 'fresh', 'elsewhere', 'of-alice'),
  volume('ls'),
];

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('volumes are what they are to docker', { skip }, async (t) => {
  const daemon = await startDockerd(t);
  const root = join(tempDir(t), 'ours');
  await importImage(daemon, root, 'bb', busyboxIn(tempDir(t)), ['VOLUME /vol']);
  const common = (text: string, dir: string): string =>
    text
      .replaceAll(dir, 'ROOT')
      .replaceAll(/[0-9a-f]{64}/g, 'ID')
      .replaceAll(/"CreatedAt": "[^"]*"/g, 'CREATED')
      // Docker prints labels in any order.
      .replaceAll('|c=,a=b|', '|a=b,c=|');
  let compared = 0;
  for (const args of cases) {
    const program = args[0] === 'run' ? 'tsrun' : 'tscontainer';
    const ours = await cli(program, root, program === 'tsrun' ? args.slice(1) : args);
    const theirs = await daemon.docker(args);
    const label = `${args.join(' ')}\n${ours.stderr}${theirs.stderr}`;
    assert.deepEqual(
      { status: ours.status, stdout: common(ours.stdout, root) },
      { status: theirs.status, stdout: common(theirs.stdout, daemon.root) },
      label,
    );
    const [said = ''] = common(ours.stderr, root)
      .replace(/^(tsrun|tscontainer): /, '')
      .split('\n');
    assert.ok(common(theirs.stderr, daemon.root).replaceAll('docker ', 'tscontainer ').includes(said), label);
    compared++;
  }
  assert.ok(compared >= 60);
  await daemon.stop();
});

test('dockerd finds our volumes and we find those of dockerd', { skip }, async (t) => {
  const home = tempDir(t);
  const root = join(home, 'root');
  const first = await startDockerd(t, { root });
  await importImage(first, root, 'bb', busyboxIn(tempDir(t)), ['VOLUME /vol'], { pull: false });
  await first.docker(['volume', 'create', 'theirs']);
  await first.docker([
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    'theirs:/vol',
    'bb',
    'sh',
    '-c',
    'echo docker >/vol/by',
  ]);
  await first.stop();
  const ours = await cli('tsrun', root, [
    '--rm',
    '-v',
    'theirs:/a',
    '-v',
    'ours:/vol',
    'bb',
    'sh',
    '-c',
    'cat /a/by; echo us >/vol/by',
  ]);
  assert.deepEqual([ours.status, ours.stdout], [0, 'docker\n'], ours.stderr);
  const second = await startDockerd(t, { root });
  assert.equal((await second.docker(['volume', 'ls', '-q'])).stdout, 'ours\ntheirs\n');
  const read = await second.docker([
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    'ours:/vol',
    'bb',
    'cat',
    '/vol/by',
    '/vol/file',
  ]);
  assert.equal(read.stdout, 'us\nhi\n', read.stderr);
  await second.stop();
});
