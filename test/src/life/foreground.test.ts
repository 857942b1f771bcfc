/** A `tsrun` in the foreground, seen from another terminal: with a supervisor, and with --rm without one. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readRecord } from '../../../src/containers/container-record.js';
import { listContainers } from '../../../src/containers/list-containers.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tscontainer } from '../../support/tscontainer.js';
import { type Outcome, tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
// These go before their root does.
after(() => {
  const left = skip ? [] : control('ls', '-aq').stdout.split('\n').filter(Boolean);
  if (left.length > 0) control('rm', '-f', ...left);
});
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');

const file = fileURLToPath(new URL('../../../src/cli/tscontainer.js', import.meta.url));
const control = (...args: string[]): Outcome => tscontainer(root, ...args);
const loop =
  'trap "exit 4" TERM; trap "echo heard" USR1; echo up; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done';
const deaf = 'trap "" TERM; echo up; exec sleep 60';
const run = (...args: string[]) => tsrunAsync(root, args);

test('others log, pause, enter, join and stop it', { skip, timeout: 60_000 }, async () => {
  const front = run('--name', 'front', 'bb', 'sh', '-c', loop);
  await front.printed('up');
  assert.equal(control('logs', 'front').stdout, 'up\n');
  assert.equal(control('pause', 'front').status, 0);
  assert.match(control('ps').stdout, /\(Paused\) .*front/);
  assert.equal(control('unpause', 'front').status, 0);
  assert.equal(control('exec', 'front', 'echo', 'inside').stdout, 'inside\n');
  const joined = tsrunAsync(root, ['attach', 'front'], file);
  // Until it is connected it hears nothing.
  for (let tries = 0; tries < 100; tries++) {
    control('kill', '-s', 'USR1', 'front');
    if (await Promise.race([joined.printed('heard').then(() => true), delay(200, false)])) break;
  }
  assert.equal(control('stop', 'front').status, 0);
  const [{ status, stdout }, other] = await Promise.all([front.ended, joined.ended]);
  assert.deepEqual([status, other.status], [4, 4]);
  assert.match(stdout, /^up\nheard\n/);
  assert.match(other.stdout, /^(heard\n)+$/);
  assert.equal(control('wait', 'front').stdout, '4\n');
});

test('it goes on when its program is killed, and gets the signals that the program gets', {
  skip,
  timeout: 60_000,
}, async () => {
  const front = run('--name', 'left', 'bb', 'sh', '-c', loop);
  await front.printed('up');
  front.kill('SIGUSR1');
  await front.printed('heard');
  front.kill('SIGKILL');
  await front.ended;
  assert.match(control('ps').stdout, /Up .*left/);
  assert.equal(control('stop', 'left').status, 0);
  assert.equal(control('wait', 'left').stdout, '4\n');
  const deafToUs = run('--sig-proxy=false', '--name', 'apart', 'bb', 'sh', '-c', loop);
  await deafToUs.printed('up');
  deafToUs.kill('SIGTERM');
  assert.equal((await deafToUs.ended).status, -1);
  assert.match(control('ps').stdout, /Up .*apart/);
});

test('one with --rm is signalled, stopped, waited for and removed', { skip, timeout: 60_000 }, async () => {
  const front = run('--rm', '--name', 'direct', 'bb', 'sh', '-c', loop);
  await front.printed('up');
  const [{ id } = { id: '' }] = listContainers(root).filter(({ name }) => name === 'direct');
  const waiter = tsrunAsync(root, ['wait', 'direct'], file);
  assert.equal(control('kill', '-s', 'USR1', 'direct').status, 0);
  await front.printed('heard');
  assert.match(control('pause', 'direct').stderr, /runs in the program that made it/);
  assert.match(control('rm', 'direct').stderr, /You cannot remove a running container/);
  assert.deepEqual(control('stop', 'direct'), { status: 0, stdout: 'direct\n', stderr: '' });
  assert.equal((await front.ended).status, 4);
  assert.equal((await waiter.ended).stdout, '4\n');
  assert.equal(readRecord(root, id), undefined);
  for (const end of [
    ['stop', '-t', '1'],
    ['rm', '-f'],
  ]) {
    const stubborn = run('--rm', '--name', 'stubborn', 'bb', 'sh', '-c', deaf);
    await stubborn.printed('up');
    assert.deepEqual(control(...end, 'stubborn'), { status: 0, stdout: 'stubborn\n', stderr: '' });
    assert.equal((await stubborn.ended).status, 137);
  }
});
