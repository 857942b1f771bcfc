/** Processes of a container that attack what enters it, or that want to outlive it (X01, X07, X47, X48). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../../store/errors.js';
import { cli } from '../support/cli.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { ourMounts } from '../support/mounts.js';
import { missing } from '../support/needs.js';

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

async function started(name: string, script: string, ...flags: string[]): Promise<void> {
  names.push(name);
  const { status, stderr } = await cli('tsrun', root, ['-d', '--name', name, ...flags, 'bb', 'sh', '-c', script]);
  assert.equal(status, 0, stderr);
}

function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`sleep\0${word}\0`);
    } catch (error) {
      // It ended in between.
      if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
      return false;
    }
  });
}

test('X01 X07 what enters the container can neither be overwritten nor looked into', {
  skip,
  timeout: 60_000,
}, async () => {
  const hash = (): string => createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
  const before = hash();
  // CVE-2019-5736: whoever enters is written to by way of /proc, as long as it has not executed the command.
  const hunt = `for p in /proc/[0-9]*; do
      exe=$(readlink $p/exe 2>/dev/null); case "$exe" in ''|/bin/busybox) ;; *) echo "saw $exe" ;; esac
      test "$exe" = /bin/busybox || { (printf x >>$p/exe) 2>/dev/null && echo "wrote $exe"; }
      for fd in $p/fd/*; do target=$(readlink $fd 2>/dev/null); case "$target" in /tmp/*|/usr/*|/proc/self*) echo "open $target" ;; esac; done
      ls $p/root/usr/bin/node $p/cwd/usr/bin/node 2>/dev/null
    done`;
  await started('hunter', `while :; do ${hunt}; done`);
  const executed = await Promise.all(
    Array.from({ length: 30 }, (_, index) => container('exec', 'hunter', 'sh', '-c', `echo ${index}`)),
  );
  for (const [index, { stdout, stderr }] of executed.entries()) assert.equal(stdout, `${index}\n`, stderr);
  assert.equal((await container('logs', 'hunter')).stdout, '');
  assert.equal(hash(), before);
});

test('X48 commands that were executed in a container end with it, whatever they ignore; its log is complete', {
  skip,
  timeout: 60_000,
}, async () => {
  const word = `5${process.pid}.25`;
  await started(
    'brief',
    'while ! test -e /go; do sleep 0.05; done; head -c 300000 /dev/zero | tr "\\0" a; echo; echo last',
  );
  const deaf = `trap "" TERM INT HUP; (setsid sh -c "trap '' TERM HUP; sleep ${word}" &); sleep ${word}`;
  assert.equal((await container('exec', '-d', 'brief', 'sh', '-c', deaf)).status, 0);
  const attached = container('exec', 'brief', 'sh', '-c', deaf);
  for (let waited = 0; processesWith(word).length < 4; waited += 50) {
    assert.ok(waited < 10_000, 'the commands did not start');
    await delay(50);
  }
  assert.equal((await container('exec', 'brief', 'touch', '/go')).status, 0);
  assert.equal((await container('wait', 'brief')).stdout, '0\n');
  assert.equal((await attached).status, 137);
  for (let waited = 0; processesWith(word).length > 0 && waited < 5000; waited += 50) await delay(50);
  assert.deepEqual(processesWith(word), []);
  const { stdout } = await container('logs', 'brief');
  assert.ok(stdout.endsWith('a\nlast\n') && stdout.length === 300_006, `${stdout.length} bytes`);
});

test('X47 a container whose processes are deaf, doubly forked, stopped and frozen is killed and removed', {
  skip,
  timeout: 60_000,
}, async () => {
  const word = `6${process.pid}.25`;
  const script = `trap "" TERM INT HUP QUIT; (setsid sh -c "trap '' TERM; sleep ${word}" &)
    sh -c 'kill -STOP $$' & sleep ${word} & (sleep ${word} &) ; echo up; while :; do sleep ${word}; done`;
  for (const [name, end] of [
    ['deaf-stop', [['stop', '-t', '0']]],
    ['deaf-kill', [['kill']]],
    ['deaf-frozen', [['pause'], ['rm', '-f']]],
    ['deaf-gone', [['rm', '-f']]],
  ] as const) {
    await started(name, script);
    for (let tries = 0; (await container('logs', name)).stdout !== 'up\n'; tries++) assert.ok(tries < 100, name);
    for (const command of end) {
      const { status, stderr } = await container(...command, name);
      assert.equal(status, 0, `${name}: ${stderr}`);
    }
    for (let waited = 0; processesWith(word).length > 0 && waited < 5000; waited += 50) await delay(50);
    assert.deepEqual(processesWith(word), [], name);
  }
  assert.deepEqual(ourMounts(root), []);
});
