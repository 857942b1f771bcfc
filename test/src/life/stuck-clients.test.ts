/** Those who look at a container hinder neither its end nor the record of it, and hear of it as it was. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { containerFiles } from '../../../src/containers/container-files.js';
import { type ContainerRecord, readRecord } from '../../../src/containers/container-record.js';
import { listContainers } from '../../../src/containers/list-containers.js';
import { waitForContainer } from '../../../src/life/lifecycle.js';
import { layerDirs } from '../../../store/overlay2/layer-dir.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tscontainer } from '../../support/tscontainer.js';
import { type Outcome, tsrun, tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
// These go before their root does.
after(() => {
  const left = skip ? [] : control('ls', '-aq').stdout.split('\n').filter(Boolean);
  if (left.length > 0) control('rm', '-f', ...left);
});
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');

const file = fileURLToPath(new URL('../../../src/cli/tscontainer.js', import.meta.url));
const tsrunFile = fileURLToPath(new URL('../../../src/cli/tsrun.js', import.meta.url));
const control = (...args: string[]): Outcome => tscontainer(root, ...args);

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 20) {
    assert.ok(waited < 20_000, `waited in vain: ${what}`);
    await delay(20);
  }
}

function record(id: string): ContainerRecord {
  const found = readRecord(root, id);
  assert.ok(found !== undefined, id);
  return found;
}

/** A client that reads nothing: its output is a pipe that nobody takes from. */
function silentClient(args: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  const env = { ...process.env, TSPULL_ROOT: root };
  return spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
}

const bytes = (count: number): string => `head -c ${count} /dev/zero | tr "\\0" x`;

test('a client that is frozen does not keep a container from ending', { skip, timeout: 90_000 }, async () => {
  const script = `while [ ! -e /go ]; do echo tick; sleep 0.05; done; ${bytes(3_000_000)}; exec sleep 60`;
  const id = tsrun(root, ['-d', '--name', 'stuck', 'bb', 'sh', '-c', script]).stdout.trim();
  const { log } = containerFiles(root, id);
  for (const end of [
    ['stop', '-t', '1', 'stuck'],
    ['rm', '-f', 'stuck'],
  ]) {
    const client = tsrunAsync(root, ['attach', 'stuck'], file);
    try {
      await client.printed('tick');
      process.kill(client.pid, 'SIGSTOP');
      const before = statSync(log).size;
      assert.equal(control('exec', 'stuck', 'touch', '/go').status, 0);
      await until('output', () => statSync(log).size > before + 100_000);
      const began = Date.now();
      assert.equal(control(...end).status, 0, end.join(' '));
      assert.ok(Date.now() - began < 10_000, `${end.join(' ')} took ${Date.now() - began} ms`);
    } finally {
      client.kill('SIGKILL');
    }
    await client.ended.catch(() => undefined);
    if (end[0] !== 'stop') continue;
    assert.deepEqual([record(id).state, record(id).exitCode], ['exited', 137]);
    rmSync(join(layerDirs(root, record(id).mountId).diff, 'go'));
    control('start', 'stuck');
  }
  assert.equal(readRecord(root, id), undefined);
});

test('a client that is killed while output waits for it takes nothing along', { skip, timeout: 60_000 }, async () => {
  const script = `while [ ! -e /go ]; do echo tick; sleep 0.05; done; ${bytes(3_000_000)}; exit 6`;
  const id = tsrun(root, ['-d', '--name', 'left', 'bb', 'sh', '-c', script]).stdout.trim();
  const client = tsrunAsync(root, ['attach', 'left'], file);
  try {
    await client.printed('tick');
    process.kill(client.pid, 'SIGSTOP');
    control('exec', 'left', 'touch', '/go');
    await until('output', () => statSync(containerFiles(root, id).log).size > 100_000);
  } finally {
    client.kill('SIGKILL');
  }
  await client.ended;
  assert.equal(control('wait', 'left').stdout, '6\n');
  assert.ok(statSync(containerFiles(root, id).log).size > 3_000_000);
});

test('what was written comes to who reads it after the container is gone', { skip, timeout: 60_000 }, async (t) => {
  const go = join(tempDir(t), 'go');
  const run = ['--log-driver', 'json-file', '--name', 'slow', 'bb', 'sh', '-c', bytes(200_000)];
  const reader = `{ while [ ! -e ${go} ]; do sleep 0.05; done; wc -c; }`;
  const shell = spawn(
    '/bin/sh',
    ['-c', `{ "$@"; echo $? >&2; } | ${reader}`, 'sh', process.execPath, tsrunFile, ...run],
    {
      env: { ...process.env, TSPULL_ROOT: root },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  await until('its end', () => listContainers(root).some(({ name, state }) => name === 'slow' && state === 'exited'));
  assert.equal(control('rm', 'slow').status, 0);
  // Longer than any farewell.
  await delay(2500);
  writeFileSync(go, '');
  assert.deepEqual(await Promise.all([readText(shell.stdout), readText(shell.stderr)]), ['200000\n', '0\n']);
});

test('whoever waits while a container ends hears its status', { skip, timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const id = tsrun(root, ['-d', 'bb', 'sh', '-c', 'sleep 0.3; exit 7']).stdout.trim();
    const waits: Promise<number>[] = [];
    for (let asked = 0; asked < 400 && record(id).state === 'running'; asked++) {
      waits.push(waitForContainer(root, id));
      await delay(1);
    }
    waits.push(waitForContainer(root, id));
    const statuses = await Promise.all(waits);
    assert.deepEqual([...new Set(statuses)], [7], `${statuses.length} waits`);
    control('rm', id);
  }
});

test('output and status come though the command did not want its input', { skip, timeout: 60_000 }, () => {
  const input = 'x'.repeat(8_000_000);
  const script = 'echo out; exit 3';
  assert.equal(tsrun(root, ['-d', '--name', 'host', 'bb', 'sleep', '60']).status, 0);
  for (let round = 0; round < 5; round++) {
    const exec = tsrun(root, ['exec', '-i', 'host', 'sh', '-c', script], {
      input,
      shell: `exec ${process.execPath} ${file} "$@"`,
    });
    assert.deepEqual([exec.status, exec.stdout, exec.stderr], [3, 'out\n', '']);
    const ran = tsrun(root, ['--detach-keys', 'ctrl-a', '-i', '--name', `r${round}`, 'bb', 'sh', '-c', script], {
      input,
    });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [3, 'out\n', '']);
  }
});

test('the end of the input of one who looks is not that of a detached container', {
  skip,
  timeout: 60_000,
}, async () => {
  const id = tsrun(root, [
    '-di',
    '--name',
    'open',
    'bb',
    'sh',
    '-c',
    'read a; echo got $a; read b; echo got $b',
  ]).stdout.trim();
  for (const word of ['one', 'two']) {
    const client = spawn(process.execPath, [file, 'attach', 'open'], {
      env: { ...process.env, TSPULL_ROOT: root },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    client.stdin.end(`${word}\n`);
    await until(word, () => readFileSync(containerFiles(root, id).log, 'utf8').includes(`got ${word}`));
    if (word === 'one') assert.equal(record(id).state, 'running');
    client.kill('SIGKILL');
  }
  assert.equal(control('wait', 'open').stdout, '0\n');
});

test('a signal gets through while input waits', { skip, timeout: 60_000 }, async () => {
  const script = 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done';
  const client = silentClient([
    tsrunFile,
    '--log-driver',
    'json-file',
    '-i',
    '--name',
    'full',
    'bb',
    'sh',
    '-c',
    script,
  ]);
  try {
    client.stdin.on('error', () => undefined);
    client.stdin.write(Buffer.alloc(4_000_000));
    await once(client.stdout, 'data');
    await delay(500);
    client.kill('SIGTERM');
    const [status] = (await once(client, 'close')) as [number | null];
    assert.equal(status, 9);
  } finally {
    client.kill('SIGKILL');
  }
});
