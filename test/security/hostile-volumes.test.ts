/** Volumes that an image declares or fills to harm the host, and volumes of which somebody else disposes (C05, C07, C08, C10). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { addImage, busybox, type Fill, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun, tsrunAsync } from '../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

const volumesOf = (paths: readonly string[]) => ({ Volumes: Object.fromEntries(paths.map((path) => [path, {}])) });

test('C05 places that an image declares are inside, bounded, and never /proc or the root', { skip }, (t) => {
  const outside = tempDir(t);
  const fill: Fill = (diff) => {
    busybox(diff);
    symlinkSync(outside, join(diff, 'away'));
    symlinkSync('/proc', join(diff, 'kernel'));
  };
  const places = ['/../../x', '/a/../..//b', `/../../../..${outside}/c`, '/away/d', 'relative'];
  addImage(root, [fill], volumesOf(places), 'inside');
  const look = `touch /x/1 /b/1 ${outside}/c/1 /away/d/1 /relative/1 && grep -c "${join(root, 'volumes')}\\|/volumes/" /proc/self/mountinfo`;
  const made = tsrun(root, ['--rm', 'inside', 'sh', '-c', look]);
  assert.equal(made.status, 0, made.stderr);
  assert.deepEqual(readdirSync(outside), []);
  for (const path of ['/x', '/b', '/relative']) assert.ok(!existsSync(path), path);
  for (const path of ['/proc', '/proc/sys', '/kernel', '/kernel/sys', '/', '/..', '']) {
    addImage(root, [fill], volumesOf([path]), 'refused');
    const { status, stderr } = tsrun(root, ['--rm', 'refused', 'true']);
    assert.equal(status, 125, `${path}: ${stderr}`);
    assert.doesNotMatch(stderr, /internal error/, path);
  }
  addImage(root, [fill], volumesOf(Array.from({ length: 10_000 }, (_, index) => `/v/${index}`)), 'many');
  const many = tsrun(root, ['--rm', 'many', 'true']);
  assert.equal(many.status, 125);
  assert.match(many.stderr, /200/);
  assert.deepEqual(
    readdirSync(join(root, 'volumes')).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    [],
  );
});

test('C05 labels and names of an image choose no file of the host', { skip }, (t) => {
  const outside = tempDir(t);
  const labels = {
    'io.containerd.image.name': `../../../..${outside}/x`,
    'org.opencontainers.image.ref.name': `${outside}/y`,
    'com.docker.volume.anonymous': `${outside}/z`,
    name: '../../names/x',
  };
  addImage(root, [busybox], { Labels: labels, ...volumesOf(['/v']) }, 'labels');
  assert.equal(tsrun(root, ['--rm', '-h', 'box', 'labels', 'true']).status, 0);
  assert.deepEqual(readdirSync(outside), []);
});

test('C07 names that are none', { skip: skip || missing(...dockerdNeeds) }, async (t) => {
  const daemon = await startDockerd(t);
  const names = [
    '../x',
    'a/b',
    '.',
    '..',
    '',
    'x'.repeat(250),
    'x'.repeat(256),
    '-x',
    'ü',
    'a b',
    'a\n',
    '/x',
    'a:b',
    '%2e',
    'A_.-9',
    'x',
  ];
  for (const name of names) {
    const args = ['volume', 'create', '--', name];
    const [ours, theirs] = await Promise.all([cli('tscontainer', root, args), daemon.docker(args)]);
    assert.equal(ours.status, theirs.status, `${JSON.stringify(name)}: ${ours.stderr}${theirs.stderr}`);
    assert.doesNotMatch(ours.stderr, /internal error/);
  }
  assert.ok(readdirSync(join(root, 'volumes')).every((name) => /^[A-Za-z0-9][\w.-]*$/.test(name)));
  for (const name of names.filter((one) => /^[\w.-]+$/.test(one)))
    await cli('tscontainer', root, ['volume', 'rm', name]);
  await daemon.stop();
});

/** What must be copied as it is and never followed. */
const hostile: Fill = (diff) => {
  busybox(diff);
  const folder = join(diff, 'vol');
  mkdirSync(join(folder, 'sub'), { recursive: true });
  symlinkSync('/etc/shadow', join(folder, 'shadow'));
  symlinkSync('../../../../../../../etc', join(folder, 'etc'));
  symlinkSync('/proc/self/root', join(folder, 'root'));
  writeFileSync(join(folder, 'setuid'), 'x');
  chmodSync(join(folder, 'setuid'), 0o6755);
  linkSync(join(folder, 'setuid'), join(folder, 'sub/again'));
  execFileSync('mknod', [join(folder, 'memory'), 'c', '1', '1']);
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  chmodSync(join(folder, 'sub'), 0o1777);
};
const list = 'cd /vol; find . -exec stat -c "%n %F %a %u:%g %h %N" {} ";" | sort';

test('C08 what a new volume gets of an image is what docker gives it', {
  skip: skip || missing(...dockerdNeeds),
}, async (t) => {
  const roots = [layerRoot(t), layerRoot(t)] as const;
  for (const one of roots) addImage(one, [hostile], volumesOf(['/vol']), 'hostile');
  const daemon = await startDockerd(t, { root: roots[1] });
  const args = ['-v', 'filled:/vol', 'hostile', 'sh', '-c', list];
  const ours = await cli('tsrun', roots[0], ['--rm', ...args]);
  const theirs = await daemon.docker(['run', '--rm', '--network', 'none', ...args]);
  assert.ok(ours.stdout.split('\n').length > 8, ours.stderr);
  assert.equal(ours.stdout, theirs.stdout);
  await daemon.stop();
});

test('C10 anonymous volumes are not lost while containers use them, whoever prunes', {
  skip,
  timeout: 120_000,
}, async () => {
  addImage(root, [busybox], volumesOf(['/data']), 'keeps');
  let ended = false;
  const prune = async (): Promise<number> => {
    let rounds = 0;
    for (; !ended; rounds++) {
      const { status, stderr } = await cli('tscontainer', root, ['volume', 'prune', '-f']);
      assert.equal(status, 0, stderr);
    }
    return rounds;
  };
  const pruned = prune();
  const script = 'echo mine >/data/file; sleep 0.2; cat /data/file';
  for (let round = 0; round < 6; round++) {
    const runs = Array.from({ length: 4 }, () => tsrunAsync(root, ['--rm', 'keeps', 'sh', '-c', script]).ended);
    for (const { status, stdout, stderr } of await Promise.all(runs))
      assert.deepEqual([status, stdout], [0, 'mine\n'], stderr);
  }
  ended = true;
  assert.ok((await pruned) > 3);
  // One that belongs to a container that was removed without it is found by prune, and no other.
  assert.equal((await cli('tsrun', root, ['--name', 'gone', 'keeps', 'sh', '-c', 'echo x >/data/file'])).status, 0);
  assert.equal((await cli('tsrun', root, ['--name', 'stays', 'keeps', 'sh', '-c', 'echo y >/data/file'])).status, 0);
  assert.equal((await cli('tscontainer', root, ['rm', 'gone'])).status, 0);
  assert.equal((await cli('tscontainer', root, ['volume', 'prune', '-f'])).status, 0);
  const left = readdirSync(join(root, 'volumes')).filter((name) => /^[0-9a-f]{64}$/.test(name));
  assert.equal(left.length, 1);
  assert.equal(readFileSync(join(root, 'volumes', left[0] ?? '', '_data/file'), 'utf8'), 'y\n');
});
