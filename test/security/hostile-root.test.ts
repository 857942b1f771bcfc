/** Images whose files point at the host or are not what a runner expects (X05, X08-X10, X39-X43). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addImage, busybox, type Fill, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
const canary = skip ? '' : tempDir({ after } as never);
if (!skip) {
  writeFileSync(join(canary, 'file'), 'untouched');
  mkdirSync(join(canary, 'dir'));
}

function unharmed(): void {
  assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'untouched');
  assert.deepEqual(readdirSync(canary), ['dir', 'file']);
  assert.deepEqual(readdirSync(join(canary, 'dir')), []);
}

const replace =
  (path: string, target: string): Fill =>
  (diff) => {
    rmSync(join(diff, path), { recursive: true, force: true });
    symlinkSync(target, join(diff, path));
  };
const fifo =
  (path: string): Fill =>
  (diff) => {
    rmSync(join(diff, path), { recursive: true, force: true });
    execFileSync('mkfifo', [join(diff, path)]);
  };
const file =
  (path: string, text: string): Fill =>
  (diff) => {
    rmSync(join(diff, path), { recursive: true, force: true });
    writeFileSync(join(diff, path), text);
  };

let count = 0;
function runWith(fills: Fill[], args: string[], config = {}): ReturnType<typeof tsrun> {
  const name = `hostile${count++}`;
  addImage(root, [(diff) => [busybox, ...fills].forEach((fill) => void fill(diff))], config, name);
  return tsrun(root, ['--rm', name, ...args]);
}

for (const path of ['proc', 'sys', 'dev']) {
  for (const [what, fill] of [
    ['a link to the host', replace(path, '/tmp')],
    ['a link to other files of the kernel', replace(path, path === 'proc' ? '/sys' : '/proc')],
    ['a link to a canary', (diff: string) => replace(path, join(canary, 'dir'))(diff)],
    ['a file', file(path, 'x')],
    ['a fifo', fifo(path)],
    ['missing', (diff: string) => rmSync(join(diff, path), { recursive: true })],
  ] as const) {
    test(`/${path} is ${what}: it is made a directory`, { skip }, () => {
      const { status, stdout, stderr } = runWith(
        [fill],
        ['sh', '-c', `stat -c %F /${path}; ls /${path} | wc -l; grep -c " /proc/sys proc ro" /proc/mounts`],
      );
      assert.equal(status, 0, stderr);
      const [kind, entries, masks] = stdout.split('\n');
      assert.equal(kind, 'directory');
      assert.ok(Number(entries) > 5);
      assert.equal(masks, '1');
      unharmed();
    });
  }
}

for (const path of ['etc/resolv.conf', 'etc/hosts', 'etc/hostname', '.dockerenv', 'etc/mtab']) {
  for (const [what, fill] of [
    ['a link to the canary', (diff: string) => replace(path, join(canary, 'file'))(diff)],
    ['a dangling link', replace(path, '/nowhere/at/all')],
    ['a fifo', fifo(path)],
  ] as const) {
    test(`/${path} is ${what}`, { skip }, () => {
      const { status, stderr } = runWith([fill], ['sh', '-c', 'echo 127.0.0.1 x >>/etc/hosts; cat /etc/hostname']);
      assert.equal(status, 0, stderr);
      unharmed();
    });
  }
}

test('/etc is a link to the host', { skip }, () => {
  assert.equal(runWith([replace('etc', join('/', canary, 'dir'))], ['cat', '/etc/hostname']).status, 0);
  unharmed();
});

for (const [what, fill] of [
  ['a link to /dev/null of the host', replace('dev/null', '/proc/sysrq-trigger')],
  ['a file for /dev/console', file('dev/console', 'x')],
  ['a link for /dev/pts', replace('dev/pts', '/tmp')],
  ['a link for /dev/shm', replace('dev/shm', '/etc')],
] as const) {
  test(`below /dev: ${what}`, { skip }, () => {
    const { status, stdout } = runWith([fill], ['stat', '-c', '%F', '/dev/null', '/dev/pts', '/dev/shm']);
    assert.deepEqual([status, stdout], [0, 'character special file\ndirectory\ndirectory\n']);
    unharmed();
  });
}

test('the passwd file is a link, a fifo, endless, or huge', { skip }, () => {
  for (const fill of [
    replace('etc/passwd', '/etc/shadow'),
    replace('etc/passwd', '../../../../etc/passwd'),
    fifo('etc/passwd'),
    replace('etc/passwd', '/dev/zero'),
  ]) {
    const { status, stderr } = runWith([fill], ['id'], { User: 'alice' });
    assert.equal(status, 125);
    assert.match(stderr, /unable to find user alice/);
  }
  const sparse: Fill = (diff) => truncateSync(join(diff, 'etc/passwd'), 4 * 2 ** 30);
  assert.equal(runWith([sparse], ['id', '-u'], { User: 'alice' }).stdout, '1000\n');
  assert.equal(runWith([sparse], ['id'], { User: 'nobody-here' }).status, 125);
  const long = `${'x'.repeat(3_000_000)}\nalice:x:0:0::/:/bin/sh\n`;
  assert.equal(runWith([file('etc/passwd', long)], ['id'], { User: 'alice' }).status, 125);
});

test('the working directory is a link to the host, dangling, or a descriptor of ours', { skip }, () => {
  const outside = join(canary, 'dir', 'made');
  const through = runWith([replace('w', join(canary, 'dir'))], ['pwd'], { WorkingDir: '/w/made' });
  assert.equal(through.status, 0, through.stderr);
  assert.ok(!existsSync(outside));
  unharmed();
  for (let number = 3; number < 40; number += 4) {
    const { status, stdout } = runWith([], ['pwd'], { WorkingDir: `/proc/self/fd/${number}` });
    assert.ok(status !== 0, `${number} ${stdout}`);
  }
  assert.notEqual(runWith([], ['ls'], { WorkingDir: '/proc/self/root/proc/1/cwd' }).status, 0);
  assert.notEqual(runWith([], ['ls'], { WorkingDir: '/proc/1/cwd' }).status, 0);
  assert.equal(runWith([], ['pwd'], { WorkingDir: '../../../x' }).stdout, '/x\n');
});

test('control characters of an image do not reach the terminal', { skip }, () => {
  const { stderr } = runWith([], [], { Cmd: ['\u001b[31mred\u202e'] });
  assert.ok(!/[\u001b\u202e]/.test(stderr), stderr);
});

test('a tree too deep for any path is removed', { skip }, () => {
  const script =
    'i=0; while test $i -lt 60; do mkdir -p d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d && cd d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d; i=$((i+1)); done; touch end';
  assert.equal(runWith([], ['sh', '-c', `cd /tmp; ${script}`]).status, 0);
  assert.deepEqual(readdirSync(join(root, 'tspull', 'containers')), []);
});
