/** `cp`, `diff`, `export` and `commit` of containers whose files are made to harm whoever takes them (C01, C02, C04). */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { cli } from '../support/cli.js';
import { run } from '../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';

const skip = missing('root', 'busybox');
const names: string[] = [];
// The containers go first: their mounts keep the root from being removed.
if (!skip)
  after(async () => {
    for (const name of names) await cli('tscontainer', root, ['rm', '-f', name]);
  });
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
const container = (...args: string[]) => cli('tscontainer', root, args);

/** A container in which the script has run; with `keeps`, another one goes on behind it. */
async function madeBy(name: string, script: string, { keeps = '', image = 'bb' } = {}): Promise<void> {
  names.push(name);
  const rest = keeps === '' ? '' : `; echo ready; ${keeps}`;
  const started = await cli('tsrun', root, ['-d', '--name', name, image, 'sh', '-c', `${script}${rest}`]);
  assert.equal(started.status, 0, started.stderr);
  if (keeps === '') {
    assert.deepEqual(await container('wait', name), { status: 0, stdout: '0\n', stderr: '' });
    return;
  }
  for (let tries = 0; (await container('logs', name)).stdout !== 'ready\n'; tries++) assert.ok(tries < 100, name);
}

test('C01 links to files of the host, devices, fifos, and a file of a terabyte without content', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const host = tempDir(t);
  const script = `mkdir /d; ln -s /etc/shadow /d/shadow; ln -s ../../../../../../etc/shadow /d/up; ln -s /proc/self/root /d/root; mkfifo /d/fifo
    mknod /d/sda b 8 0; mknod /d/mem c 1 1; dd if=/dev/zero of=/d/sparse bs=1 count=0 seek=1099511627776 2>/dev/null
    printf x | dd of=/d/sparse bs=1 seek=4096000000 conv=notrunc 2>/dev/null`;
  for (const [name, keeps] of [
    ['still', ''],
    ['alive', 'sleep 600'],
  ] as const) {
    await madeBy(name, script, { keeps });
    const out = join(host, name);
    const { status, stderr } = await container('cp', `${name}:/d`, out);
    assert.deepEqual([status, stderr], [0, ''], name);
    assert.deepEqual(readdirSync(out).sort(), ['fifo', 'mem', 'root', 'sda', 'shadow', 'sparse', 'up']);
    for (const link of ['shadow', 'up', 'root']) assert.ok(lstatSync(join(out, link)).isSymbolicLink(), link);
    assert.ok(lstatSync(join(out, 'fifo')).isFIFO());
    const { size, blocks } = statSync(join(out, 'sparse'));
    assert.equal(size, 2 ** 40);
    assert.ok(blocks * 512 < 1_000_000, `${blocks} blocks`);
    // With -L the links are those of the container, which has no such file.
    for (const link of ['shadow', 'up']) {
      const followed = await container('cp', '-L', `${name}:/d/${link}`, join(host, 'followed'));
      assert.equal(followed.status, 1, link);
    }
    assert.ok(!existsSync(join(host, 'followed')));
  }
});

test('C01 a file that grows for ever is copied as it was', { skip, timeout: 60_000 }, async (t) => {
  // At most 64 MiB at a time, so that a disk stays free.
  const grow =
    'while :; do i=0; while test $i -lt 64; do dd if=/dev/zero bs=1M count=1 >>/f 2>/dev/null; i=$((i+1)); done; : >/f; done';
  await madeBy('growing', ': >/f', { keeps: grow });
  const host = tempDir(t);
  for (let round = 0; round < 5; round++) {
    const { status, stderr } = await container('cp', 'growing:/f', join(host, 'f'));
    assert.equal(status, 0, stderr);
    assert.ok(statSync(join(host, 'f')).size <= 64 * 2 ** 20);
  }
});

test('C02 where a copy shall go, the container has a link to the host', { skip }, async (t) => {
  const outside = tempDir(t);
  writeFileSync(join(outside, 'precious'), 'mine');
  const host = tempDir(t);
  mkdirSync(join(host, 'dir'));
  writeFileSync(join(host, 'dir/precious'), 'planted');
  const links = `ln -s ${outside} /absolute; ln -s ../../../../../../../..${outside} /relative; ln -s /proc/1/root${outside} /magic
    ln -s ${outside}/precious /file`;
  for (const [name, keeps] of [
    ['stopped', ''],
    ['running', 'sleep 600'],
  ] as const) {
    await madeBy(name, links, { keeps });
    for (const link of ['absolute', 'relative', 'magic', 'file', 'absolute/', 'relative/.', 'magic/precious'])
      for (const source of ['dir', 'dir/.', 'dir/precious'])
        await container('cp', join(host, source), `${name}:/${link}`);
    assert.deepEqual(readdirSync(outside), ['precious'], name);
    assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'mine', name);
  }
});

test('C02 a volume that is one file can be read and not replaced, whether the container runs or not', {
  skip,
}, async (t) => {
  const host = tempDir(t);
  writeFileSync(join(host, 'file'), 'of the volume\n');
  symlinkSync('file', join(host, 'link'));
  names.push('with-file');
  const volumes = ['-v', `${join(host, 'file')}:/f`, '-v', `${join(host, 'link')}:/l`];
  const made = await container('create', '--name', 'with-file', ...volumes, 'bb', 'sleep', '600');
  assert.equal(made.status, 0, made.stderr);
  for (const state of ['stopped', 'running']) {
    for (const name of ['f', 'l']) {
      const out = join(host, `${state}-${name}`);
      const read = await container('cp', `with-file:/${name}`, out);
      assert.deepEqual([read.status, read.stderr], [0, ''], state);
      assert.equal(readFileSync(out, 'utf8'), 'of the volume\n', state);
      const written = await container('cp', '/etc/hostname', `with-file:/${name}`);
      assert.equal(written.status, 1);
      assert.match(
        written.stderr,
        /^tscontainer: cannot write \/.: a file of it is mounted: device or resource busy\n/,
      );
    }
    assert.equal((await container('start', 'with-file')).status, 0);
  }
  assert.equal(readFileSync(join(host, 'file'), 'utf8'), 'of the volume\n');
  assert.equal((await container('exec', 'with-file', 'cat', '/f', '/l')).stdout, 'of the volume\n'.repeat(2));
});

test('C04 nothing of the container is executed or loaded', { skip: skip || missing('strace') }, async (t) => {
  const marker = '/ran';
  addImage(
    root,
    [
      (diff) => {
        busybox(diff);
        for (const folder of ['lib', 'usr/lib', 'usr/local/bin', 'lib64'])
          mkdirSync(join(diff, folder), { recursive: true });
        const evil = `#!/bin/sh\necho evil >>${marker}\n`;
        for (const name of ['tar', 'xz', 'unpigz', 'gzip', 'node', 'mount', 'newuidmap'])
          for (const folder of ['bin', 'usr/local/bin', 'sbin']) {
            const path = join(diff, folder, name);
            if (existsSync(path) && lstatSync(path).isSymbolicLink()) continue;
            writeFileSync(path, evil, { mode: 0o755 });
          }
        for (const name of ['lib/libnss_files.so.2', 'lib/libc.so.6', 'lib64/ld-linux-x86-64.so.2', 'lib/evil.so'])
          writeFileSync(join(diff, name), 'not a library');
        writeFileSync(join(diff, 'etc/ld.so.preload'), '/lib/evil.so\n');
        symlinkSync('/lib/evil.so', join(diff, 'etc/nsswitch.conf'));
      },
    ],
    {},
    'evil',
  );
  await madeBy('evil', 'echo made >/made', { keeps: 'sleep 600', image: 'evil' });
  const dir = tempDir(t);
  writeFileSync(join(dir, 'file'), 'x');
  const program = tsrun(root, [], { shell: 'echo $TSRUN' })
    .stdout.trim()
    .replace(/tsrun\.js$/, 'tscontainer.js')
    .split(' ');
  for (const args of [
    ['cp', 'evil:/etc', join(dir, 'out')],
    ['cp', join(dir, 'file'), 'evil:/tmp'],
    ['cp', '-a', 'evil:/made', join(dir, 'made')],
    ['diff', 'evil'],
    ['export', '-o', join(dir, 'tar'), 'evil'],
    ['commit', 'evil', 'committed'],
  ]) {
    const log = join(dir, 'log');
    const flags = ['-f', '-qq', '-y', '-e', 'trace=execve,mmap', '-o', log];
    const { status, stderr } = await run('strace', [...flags, ...program, '--root', root, ...args]);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    const calls = readFileSync(log, 'latin1');
    const executed = [...calls.matchAll(/execve\("([^"]*)"[^\n]*= 0/g)].map(([, path = '']) => basename(path));
    assert.deepEqual(executed, [basename(process.execPath)], args.join(' '));
    const loaded = [...calls.matchAll(/mmap\([^\n]*PROT_EXEC[^\n]*<([^>]*)>/g)].map(([, path]) => path);
    assert.ok(loaded.length > 0);
    assert.deepEqual(
      loaded.filter((path) => /^\/lib(64)?\/(evil|libnss_files|libc|ld-)/.test(path ?? '')),
      [],
    );
  }
  const looked = await container('exec', 'evil', 'sh', '-c', `cat /made; test -e ${marker} || echo nothing ran`);
  assert.equal(looked.stdout, 'made\nnothing ran\n', looked.stderr);
});
