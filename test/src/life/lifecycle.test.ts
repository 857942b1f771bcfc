import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { containerFiles } from '../../../src/containers/container-files.js';
import { type ContainerRecord, readRecord } from '../../../src/containers/container-record.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tscontainer } from '../../support/tscontainer.js';
import { type Outcome, tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], { Env: ['PATH=/bin'] }, 'bb');

const control = (...args: string[]): Outcome => tscontainer(root, ...args);

/** @returns the id */
function detached(name: string, script: string, ...flags: string[]): string {
  const { status, stdout, stderr } = tsrun(root, ['-d', '--name', name, ...flags, 'bb', 'sh', '-c', script]);
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.trim();
}

function record(id: string): ContainerRecord {
  const found = readRecord(root, id);
  assert.ok(found !== undefined, id);
  return found;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 20) {
    assert.ok(waited < 20_000, `waited in vain: ${what}`);
    await delay(20);
  }
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(statusOf(pid));
const statusOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch (error) {
    // It ended in between.
    assert.ok(error instanceof Error && 'code' in error);
    return 'State:\tZ';
  }
};

/** Of the process that holds the container's lock. */
function supervisorOf(id: string): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!existsSync(`/proc/${pid}/cmdline`)) continue;
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`tspull-supervisor ${id}`)) return Number(pid);
  }
  throw new Error(`no supervisor of ${id}`);
}

function nothingOf(id: string, cgroups: readonly string[]): void {
  for (const folder of cgroups) assert.ok(!existsSync(folder), folder);
  assert.ok(!existsSync(containerFiles(root, id).live));
}

const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

describe('a detached container', { skip, concurrency: false }, () => {
  test('outlives the program that started it, and is stopped, started and removed by others', async () => {
    const id = detached('first', forever);
    assert.match(id, /^[0-9a-f]{64}$/);
    const { pid = 0, cgroups, state } = record(id);
    assert.equal(state, 'running');
    assert.ok(isAlive(pid));
    assert.match(control('ls').stdout, /Up .* first\n$/);
    assert.deepEqual(control('rm', 'first').status, 1);
    assert.deepEqual(control('stop', 'first'), { status: 0, stdout: 'first\n', stderr: '' });
    assert.ok(!isAlive(pid));
    assert.equal(record(id).exitCode, 0);
    nothingOf(id, cgroups);
    assert.deepEqual(control('stop', 'first'), { status: 0, stdout: 'first\n', stderr: '' });
    assert.deepEqual(control('start', 'first'), { status: 0, stdout: 'first\n', stderr: '' });
    assert.ok(isAlive(record(id).pid ?? 0));
    assert.deepEqual(control('rm', '-f', 'first'), { status: 0, stdout: 'first\n', stderr: '' });
    assert.equal(readRecord(root, id), undefined);
    nothingOf(id, cgroups);
  });

  test('that cannot be started says why, and stays', () => {
    const { status, stderr } = tsrun(root, ['-d', '--name', 'bad', 'bb', 'nosuch']);
    assert.equal(status, 127);
    assert.match(stderr, /executable file not found/);
    assert.match(control('ls', '-a').stdout, /Created .* bad\n/);
    const again = control('start', 'bad', 'nobody');
    assert.equal(again.status, 1);
    assert.match(again.stderr, /No such container: nobody\nError: failed to start containers: bad, nobody\n$/);
    control('rm', 'bad');
  });

  test('is made without being started', () => {
    const made = tscontainer(root, 'create', '--name', 'made', 'bb', 'sh', '-c', 'echo out; exit 4');
    assert.equal(made.status, 0);
    const id = made.stdout.trim();
    assert.equal(record(id).state, 'created');
    assert.ok(!existsSync(containerFiles(root, id).live));
    assert.deepEqual(control('start', '-a', 'made'), { status: 4, stdout: 'out\n', stderr: '' });
    assert.deepEqual(control('wait', 'made').stdout, '4\n');
    control('rm', 'made');
  });

  test('writes a log in the format of Docker', async () => {
    const long = 'x'.repeat(20_000);
    const id = detached('log', `echo one; echo two >&2; echo ${long}; printf 'no newline <&>'`);
    control('wait', 'log');
    const lines = readFileSync(containerFiles(root, id).log, 'utf8').trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { log: string; stream: string; time: string });
    const text = (stream: string) => entries.filter((entry) => entry.stream === stream).map(({ log }) => log);
    assert.deepEqual(text('stdout'), [
      'one\n',
      'x'.repeat(16_384),
      `${'x'.repeat(20_000 - 16_384)}\n`,
      'no newline <&>',
    ]);
    assert.deepEqual(text('stderr'), ['two\n']);
    for (const { time } of entries) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
    assert.ok(lines.some((line) => line.includes('\\u003c\\u0026\\u003e')));
    const { stdout, stderr } = control('logs', 'log');
    assert.equal(stdout, `one\n${long}\nno newline <&>`);
    assert.equal(stderr, 'two\n');
    assert.equal(control('logs', '-n', '1', 'log').stdout, 'no newline <&>');
    assert.equal(control('logs', '-n', '0', 'log').stdout, '');
    assert.match(control('logs', '-t', '-n', '1', 'log').stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z no newline/);
    assert.equal(control('logs', '--since', '1h', '--until', '30m', 'log').stdout, '');
    control('rm', 'log');
  });

  test('keeps as many logs as it shall', () => {
    const id = detached(
      'rotate',
      'i=0; while test $i -lt 300; do echo line $i; i=$((i+1)); done',
      '--log-opt',
      'max-size=4k',
      '--log-opt',
      'max-file=3',
    );
    control('wait', 'rotate');
    const { log, dir } = containerFiles(root, id);
    const files = readdirSync(dir).filter((name) => name.includes('-json.log'));
    assert.equal(files.length, 3);
    for (const file of files) assert.ok(readFileSync(join(dir, file)).length <= 4096);
    assert.ok(readFileSync(log, 'utf8').endsWith('}\n'));
    const shown = control('logs', 'rotate').stdout.trim().split('\n');
    assert.equal(shown.at(-1), 'line 299');
    const first = Number(shown[0]?.slice(5));
    assert.deepEqual(
      shown,
      Array.from({ length: 300 - first }, (_, index) => `line ${first + index}`),
    );
    assert.equal(tsrun(root, ['-d', '--log-driver', 'none', '--name', 'silent', 'bb', 'true']).status, 0);
    control('wait', 'silent');
    assert.match(control('logs', 'silent').stderr, /configured logging driver does not support reading/);
    control('rm', 'rotate', 'silent');
  });

  test('is ended whatever it does: deaf, frozen, in another session', async () => {
    const deaf =
      'trap "" TERM INT HUP; setsid sh -c "trap \\"\\" TERM; while :; do sleep 1; done" & while :; do sleep 1; done';
    for (const pause of [false, true]) {
      const id = detached('deaf', deaf);
      const { cgroups } = record(id);
      if (pause) assert.equal(control('pause', 'deaf').status, 0);
      const began = Date.now();
      assert.equal(control('stop', '-t', '1', 'deaf').status, 0);
      assert.ok(Date.now() - began < 15_000);
      assert.equal(record(id).exitCode, 137);
      nothingOf(id, cgroups);
      control('start', 'deaf');
      if (pause) control('pause', 'deaf');
      assert.equal(control('rm', '-f', 'deaf').status, 0);
      nothingOf(id, cgroups);
    }
  });

  test('is paused and goes on', async () => {
    const id = detached('pause', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done');
    await until('output', () => readFileSync(containerFiles(root, id).log, 'utf8').length > 0);
    assert.equal(control('pause', 'pause').status, 0);
    assert.match(control('ls').stdout, /\(Paused\)/);
    assert.match(control('pause', 'pause').stderr, /is already paused/);
    const before = readFileSync(containerFiles(root, id).log, 'utf8').length;
    await delay(300);
    assert.equal(readFileSync(containerFiles(root, id).log, 'utf8').length, before);
    assert.equal(control('unpause', 'pause').status, 0);
    await until('more output', () => readFileSync(containerFiles(root, id).log, 'utf8').length > before);
    assert.match(control('unpause', 'pause').stderr, /is not paused/);
    control('rm', '-f', 'pause');
  });

  test('gets signals, a new name, and is waited for', async () => {
    const id = detached('sig', 'trap "exit 42" USR1; while :; do sleep 0.05; done');
    assert.equal(control('rename', 'sig', 'renamed').status, 0);
    assert.equal(control('kill', '-s', 'BADSIG', 'renamed').status, 1);
    assert.equal(control('kill', '-s', 'USR1', 'renamed').stdout, 'renamed\n');
    assert.equal(control('wait', 'renamed').stdout, '42\n');
    assert.match(control('kill', id.slice(0, 12)).stderr, /Cannot kill container: .*is not running/);
    assert.equal(control('rename', 'renamed', 'sig').status, 0);
    assert.equal(record(id).name, 'sig');
    control('rm', 'sig');
  });

  test('is started again as its policy says', async () => {
    const id = detached('again', 'echo run; exit 3', '--restart', 'on-failure:2');
    assert.equal(control('wait', 'again').stdout, '3\n');
    await until('end', () => record(id).state === 'exited');
    assert.equal(record(id).restartCount, 2);
    assert.equal(control('logs', 'again').stdout, 'run\nrun\nrun\n');
    const always = detached('always', 'exit 0', '--restart', 'always');
    await until('three restarts', () => (record(always).restartCount ?? 0) >= 3);
    assert.equal(control('stop', 'always').status, 0);
    const { restartCount } = record(always);
    await delay(500);
    assert.deepEqual([record(always).state, record(always).restartCount], ['exited', restartCount]);
    control('rm', 'again', 'always');
    assert.match(
      tsrun(root, ['-d', '--rm', '--restart', 'always', 'bb', 'true']).stderr,
      /cannot specify both --restart and --rm/,
    );
  });

  test('dies with its supervisor, and the next command puts things right', async () => {
    const id = detached('orphan', forever);
    const { pid = 0, cgroups } = record(id);
    process.kill(supervisorOf(id), 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    assert.match(control('ls', '-a').stdout, /Exited \(137\) .* orphan\n/);
    assert.equal(record(id).state, 'running', 'reading changes nothing');
    assert.equal(control('start', 'orphan').status, 0);
    assert.equal(record(id).state, 'running');
    assert.equal(control('rm', '-f', 'orphan').status, 0);
    nothingOf(id, cgroups);
  });

  test('goes by itself with --rm', async () => {
    const id = detached('gone', 'exit 0', '--rm');
    await until('its end', () => readRecord(root, id) === undefined);
    await until('its lock', () => !existsSync(containerFiles(root, id).live));
    assert.deepEqual(readdirSync(join(root, 'image/overlay2/layerdb/mounts')), []);
  });

  test('its streams can be joined, with and without a terminal', async () => {
    detached('cat', 'read line; echo "got $line"; exit 5', '-i');
    const attach = ['attach', 'cat'];
    const { status, stdout } = tsrun(root, attach, {
      input: 'hello\n',
      shell: `exec ${process.execPath} ${new URL('../../../src/cli/tscontainer.js', import.meta.url).pathname} "$@"`,
    });
    assert.deepEqual([status, stdout], [5, 'got hello\n']);
    assert.match(control('attach', 'cat').stderr, /cannot attach to a stopped container/);
    control('rm', 'cat');
    const id = detached('tty', 'tty; stty size; read x', '-t', '-i');
    await until('output', () => readFileSync(containerFiles(root, id).log, 'utf8').includes('24 80'));
    assert.match(control('logs', 'tty').stdout, /^\/dev\/pts\/0\r\n/);
    control('rm', '-f', 'tty');
  });

  test('twenty at once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `many${index}`);
    const ids = names.map((name) =>
      tscontainer(root, 'create', '--name', name, 'bb', 'sh', '-c', forever).stdout.trim(),
    );
    assert.equal(control('start', ...names).status, 0);
    const folders = ids.flatMap((id) => record(id).cgroups);
    assert.ok(ids.every((id) => isAlive(record(id).pid ?? 0)));
    assert.equal(control('rm', '-f', ...names).status, 0);
    for (const folder of folders) assert.ok(!existsSync(folder));
    assert.deepEqual(readdirSync(join(root, 'tspull/containers')), []);
    assert.deepEqual(readdirSync(join(root, 'tspull/live')), []);
  });
});
