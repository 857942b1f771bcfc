/** `diff`, `export` and `cp` of the same container on both sides. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const script = `
  echo a >/home/new; mkdir -p /home/d/e /odd; touch /home/d/e/f; chmod 4755 /home/new; chown 1000:1001 /home/d
  rm /etc/group; echo b >/etc/other; chmod 700 /sbin; rm -r /usr; mkdir /usr; touch /usr/again
  ln /home/new /home/hard; ln -s /etc/passwd /home/abs; ln -s .. /home/up; mknod /odd/null c 1 3; mknod /odd/fifo p
  touch /vol/unseen; touch "/odd/with space" /odd/ü; mv /tmp /renamed
  n=; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do n=$n-a-long-name; done; touch /odd/$n; ln -s /odd/$n /odd/to-long`;

/** Every member of an archive with what matters of it, times of what the test wrote left out. */
function members(archive: string): string[] {
  const list = execFileSync('tar', ['--numeric-owner', '-tvf', archive], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'cc' },
  });
  return list.split('\n').map((line) => line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '));
}

function hostFiles(folder: string): string {
  mkdirSync(join(folder, 'dir/sub'), { recursive: true });
  writeFileSync(join(folder, 'file'), 'content\n');
  writeFileSync(join(folder, 'dir/sub/inner'), 'inner\n');
  symlinkSync('file', join(folder, 'link'));
  symlinkSync('/etc/passwd', join(folder, 'dir/abs'));
  mkdirSync(join(folder, 'out'));
  return folder;
}

const cp = (...args: string[]): string[] => ['cp', ...args];

/** `cc` is the container, `DIR` a folder of the host. In this order. */
const copies: string[][] = [
  cp('cc:/home', 'DIR/out'),
  cp('cc:/home/.', 'DIR/out/content'),
  cp('cc:/home/d', 'DIR/out/renamed'),
  cp('cc:/home/new', 'DIR/out/file'),
  cp('cc:/home/new', 'DIR/out'),
  cp('cc:/home/new', 'DIR/out/new'),
  cp('cc:home/d/e/f', 'DIR/out/relative'),
  cp('cc:/home/abs', 'DIR/out/abs'),
  cp('-L', 'cc:/home/abs', 'DIR/out/followed'),
  cp('cc:/vol/file', 'DIR/out/from-volume'),
  cp('cc:/odd/fifo', 'DIR/out/fifo'),
  cp('cc:/odd', 'DIR/out/odd'),
  cp('-a', 'cc:/home', 'DIR/out/with-owners'),
  cp('cc:/nosuch', 'DIR/out'),
  cp('cc:/home/new', 'DIR/none/there'),
  cp('cc:/home/new', 'DIR/none/'),
  cp('cc:/home', 'DIR/file'),
  cp('cc:/home', 'cc:/home2'),
  cp('DIR/file', 'DIR/out'),
  cp('DIR/none', 'cc:/home'),
  cp('DIR/file', 'nosuch:/home'),
  cp('DIR/file', 'cc:/in/'),
  cp('DIR/file', 'cc:/none/there'),
  cp('DIR/file', 'cc:/in'),
  cp('DIR/file', 'cc:/home'),
  cp('DIR/dir', 'cc:/home'),
  cp('DIR/dir', 'cc:/home/dir'),
  cp('DIR/dir', 'cc:/made'),
  cp('DIR/dir/.', 'cc:/made2'),
  cp('DIR/dir/.', 'cc:/home/d'),
  cp('DIR/dir', 'cc:/in'),
  cp('DIR/link', 'cc:/home/link'),
  cp('-L', 'DIR/link', 'cc:/home/followed'),
  cp('DIR/file', 'cc:/home/up/through'),
  cp('DIR/file', 'cc:/vol/into-volume'),
  cp('-a', 'DIR/file', 'cc:/home/archived'),
  cp('DIR/file', 'cc:/fixed/x'),
  cp('-q', 'DIR/file', 'cc:/home/quiet'),
];

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('files of a container are what they are to docker', { skip }, async (t) => {
  const daemon = await startDockerd(t);
  const home = tempDir(t);
  const root = join(home, 'ours');
  await importImage(daemon, root, 'bb', busyboxIn(tempDir(t)), ['VOLUME /vol']);
  const run = [
    '--name',
    'cc',
    '-w',
    '/new/work',
    '-v',
    '/also/here',
    '-v',
    'fixed:/fixed:ro',
    'bb',
    'sh',
    '-c',
    script,
  ];
  const started = await Promise.all([cli('tsrun', root, run), daemon.docker(['run', '--network', 'none', ...run])]);
  assert.deepEqual(started[0], started[1]);
  const ours = {
    dir: hostFiles(join(home, 'a')),
    call: (args: string[], input?: Uint8Array) => cli('tscontainer', root, args, { input }),
  };
  const theirs = {
    dir: hostFiles(join(home, 'b')),
    call: (args: string[], input?: Uint8Array) => daemon.docker(args, input),
  };
  const sides = [ours, theirs];
  const both = async (args: readonly string[], input?: Uint8Array) =>
    await Promise.all(
      sides.map(({ dir, call }) =>
        call(
          args.map((word) => word.replaceAll('DIR', dir)),
          input,
        ),
      ),
    );

  const compareDiff = async () => {
    const [a, b] = (await both(['diff', 'cc'])).map(({ stdout }) => stdout.split('\n').sort());
    assert.ok((a?.length ?? 0) > 15);
    assert.deepEqual(a, b);
  };
  const compareExport = async () => {
    const results = await both(['export', '-o', 'DIR/export.tar', 'cc']);
    assert.deepEqual(
      results.map(({ status }) => status),
      [0, 0],
      results.map(({ stderr }) => stderr).join(),
    );
    const [a, b] = sides.map(({ dir }) => members(join(dir, 'export.tar')));
    assert.ok((a?.length ?? 0) > 80);
    assert.deepEqual(a, b);
    for (const { status, stderr } of await both(['export', '-o', '/dev/null', 'cc'])) {
      assert.equal(status, 1);
      assert.match(stderr, /cannot write to /);
    }
    assert.ok(statSync('/dev/null').isCharacterDevice());
  };
  await compareDiff();
  await compareExport();
  for (const args of copies) {
    const [a, b] = await both(args);
    const label = `${args.join(' ')}\n${a?.stderr}${b?.stderr}`;
    assert.deepEqual([a?.status, a?.stdout], [b?.status, b?.stdout], label);
    const said =
      (a?.stderr ?? '')
        .replace(/^tscontainer: /, '')
        .replaceAll(ours.dir, theirs.dir)
        .split('\n')[0] ?? '';
    if (b?.status !== 0) assert.ok(said !== '' && b?.stderr.includes(said), label);
  }
  const tree = ({ dir }: { dir: string }): string =>
    execFileSync('find', ['.', '-printf', '%p %y %m %U %G %s %l\n'], { cwd: join(dir, 'out'), encoding: 'utf8' })
      .split('\n')
      .map((line) => (/ d /.test(line) ? line.replace(/ \d+ $/, '') : line))
      .sort()
      .join('\n');
  assert.equal(tree(ours), tree(theirs));
  await compareDiff();
  await compareExport();

  for (const { dir, call } of sides) {
    const { status, stderr } = await call(['cp', 'cc:/home/d', '-'].map((word) => word));
    assert.equal(status, 0, stderr);
    execFileSync('tar', ['-C', dir, '-cf', join(dir, 'in.tar'), 'dir', 'file']);
    const put = await call(['cp', '-', 'cc:/renamed'], readFileSync(join(dir, 'in.tar')));
    assert.equal(put.status, 0, put.stderr);
    assert.equal((await call(['cp', '-', 'cc:/none'], readFileSync(join(dir, 'in.tar')))).status, 1);
  }
  await compareExport();
  assert.ok(!existsSync(join(ours.dir, 'none')));
  await daemon.stop();
});
