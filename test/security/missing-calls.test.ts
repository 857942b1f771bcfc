/** A kernel, or a filter around the program, that lacks a call (N07): a word about it, or another way that is as safe. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { ourMounts } from '../support/mounts.js';
import { missing } from '../support/needs.js';
import { repository } from '../support/sources.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';

const skip = missing('root', 'busybox', 'strace');
const root = skip ? '' : layerRoot({ after });
const canary = skip ? '' : mkdtempSync(join(tmpdir(), 'tspull-canary-'));
if (!skip) after(() => rmSync(canary, { recursive: true }));
if (!skip)
  addImage(
    root,
    [
      (diff) => {
        busybox(diff);
        // Where a path that is put together by hand would lead.
        for (const name of ['etc/hosts', 'etc/resolv.conf', 'work'])
          symlinkSync(join(canary, 'made'), join(diff, name));
      },
    ],
    { WorkingDir: '/work' },
    'bb',
  );

const calls = [
  ...['openat2', 'open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'mount_setattr', 'pivot_root', 'unshare'],
  ...['close_range', 'memfd_create', 'pidfd_open', 'waitid', 'seccomp', 'capset', 'keyctl', 'flock', 'clone', 'statfs'],
];

for (const errno of ['ENOSYS', 'EPERM'])
  test(`calls that answer ${errno}`, { skip, timeout: 120_000 }, async (t) => {
    const started: string[] = [];
    for (const call of calls) {
      const inject = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:error=${errno}`];
      const command = tsrun('', [], { shell: 'echo $TSRUN' }).stdout.trim().split(' ');
      const { status, stdout, stderr } = await run('strace', [
        ...inject,
        ...command,
        ...['--root', root, '--rm', 'bb', 'sh', '-c', 'echo ran; id -u'],
      ]);
      assert.doesNotMatch(stderr, /internal error|^ {4}at /m, `${call}: ${stderr}`);
      if (status === 0) {
        assert.equal(stdout, 'ran\n0\n', call);
        started.push(call);
      } else {
        assert.equal(stdout, '', call);
        assert.match(stderr, /^tsrun: /m, call);
      }
      assert.deepEqual(readdirSync(canary), [], call);
      assert.deepEqual(ourMounts(root), [], call);
    }
    // What a container may not do without: it is not started with less.
    for (const needed of ['openat2', 'pivot_root', 'seccomp', 'capset', 'unshare', 'mount_setattr'])
      assert.ok(!started.includes(needed), needed);
    t.diagnostic(`it starts without ${started.join(', ')}`);
    assert.equal(tsrun(root, ['--rm', 'bb', 'true']).status, 0);
    assert.deepEqual(readdirSync(join(root, 'tspull/containers')), []);
  });

test('the native module is missing, or is not for this machine', { skip }, async (t) => {
  const folder = tempDir(t);
  cpSync(join(repository, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(repository, 'package.json'), join(folder, 'package.json'));
  const refused = async (): Promise<void> => {
    for (const name of ['tsrun', 'tscontainer', 'tspull']) {
      const rest =
        { tsrun: ['--rm', 'bb', 'true'], tscontainer: ['cp', 'a:/x', 'y'], tspull: ['localhost:1/a'] }[name] ?? [];
      const { status, stderr } = await run(process.execPath, [
        join(folder, `dist/${name}.cjs`),
        '--root',
        root,
        ...rest,
      ]);
      assert.notEqual(status, 0, name);
      assert.doesNotMatch(stderr, /internal error|^ {4}at /m, stderr);
    }
  };
  await refused();
  const module = join(folder, 'node_modules/koffi');
  mkdirSync(module, { recursive: true });
  writeFileSync(join(module, 'package.json'), '{"name":"koffi","version":"3.3.4","main":"index.js"}');
  writeFileSync(
    join(module, 'index.js'),
    'throw new Error("Cannot find the native Koffi module; did you bundle it correctly?")',
  );
  await refused();
  assert.ok(!existsSync(join(canary, 'made')));
});
