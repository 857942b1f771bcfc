/** Commands in containers that run. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bundledProgram, cli } from '../../support/cli.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrunAsync } from '../../support/tsrun.js';

const skip = missing('root', 'busybox', 'script');
// The containers go first: their mounts keep the root from being removed.
const started: string[] = [];
if (!skip)
  after(async () => {
    for (const name of started) await cli('tscontainer', root, ['rm', '-f', name]);
  });
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

async function container(name: string, ...flags: string[]): Promise<void> {
  started.push(name);
  const { status, stderr } = await cli('tsrun', root, ['-d', '--name', name, ...flags, 'bb', 'sleep', '1000']);
  assert.equal(status, 0, stderr);
}
const exec = (...args: string[]) => cli('tscontainer', root, ['exec', ...args]);

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await condition()) return;
    await delay(50);
  }
  assert.fail(`waited in vain: ${what}`);
}

test('fifty at once, each with its own status; nothing is left in the container', { skip }, async () => {
  await container('many');
  const ended = await Promise.all(
    Array.from({ length: 50 }, (_, index) => exec('many', 'sh', '-c', `echo ${index}; exit ${index}`)),
  );
  for (const [index, { status, stdout, stderr }] of ended.entries())
    assert.deepEqual({ status, stdout }, { status: index, stdout: `${index}\n` }, stderr);
  assert.equal((await exec('many', 'sh', '-c', 'set -- /proc/[0-9]*; echo $#')).stdout.trim(), '2');
});

test('in a container of a tsrun in the foreground, and with the namespaces of others', { skip }, async () => {
  for (const [name, flags] of [
    ['front', []],
    ['kept', ['--pid', 'host']],
    ['joined', ['--network', 'container:front', '--pid', 'container:front']],
  ] as const) {
    const keep = name === 'kept' ? ['--timeout', '60s'] : ['--rm'];
    const run = tsrunAsync(root, [...keep, '--name', name, ...flags, 'bb', 'sh', '-c', 'echo up; exec sleep 600']);
    await run.printed('up\n');
    started.unshift(name);
    const { stdout, stderr } = await exec('-e', 'A=b', name, 'sh', '-c', 'echo $A; hostname; cat /etc/hostname');
    const [variable, own, file] = stdout.split('\n');
    assert.deepEqual([variable, own], ['b', file], stderr);
    if (name !== 'front') run.kill('SIGKILL');
    if (name !== 'front') await run.ended;
    else after(() => run.kill('SIGKILL'));
  }
  assert.match((await exec('kept', 'true')).stderr, /Container [0-9a-f]{64} is not running/);
});

test('what was started goes on without those outside, and ends with the container', { skip }, async () => {
  await container('brief');
  assert.equal((await exec('-d', 'brief', 'sh', '-c', 'sleep 777; :')).status, 0);
  const caller = spawn(process.execPath, [
    bundledProgram('tscontainer'),
    '--root',
    root,
    'exec',
    'brief',
    'sleep',
    '778',
  ]);
  const processes = async () => (await exec('brief', 'ps')).stdout;
  await until(async () => (await processes()).includes('sleep 778'), 'the command');
  caller.kill('SIGKILL');
  await new Promise((resolve) => caller.on('close', resolve));
  assert.match(await processes(), /sleep 777[\s\S]*sleep 778/);
  const waiting = exec('brief', 'sleep', '779');
  await until(async () => (await processes()).includes('sleep 779'), 'the command');
  await cli('tscontainer', root, ['kill', 'brief']);
  assert.equal((await waiting).status, 137);
  const left = () => spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout;
  await until(() => !/sleep 77[789]/.test(left()), 'the end of all');
});

test('nothing of the caller gets in, and a program that executes itself finds nothing of the host', {
  skip,
}, async () => {
  await container('closed');
  const script = 'ls -l /proc/self/fd | grep -c host-file; env | grep -c SECRET; readlink /proc/self/exe; pwd';
  const file = openSync('/etc/hostname', 'r');
  const child = spawnSync(
    '/bin/sh',
    [
      '-c',
      `exec 9</etc/os-release; exec "$@"`,
      'sh',
      process.execPath,
      bundledProgram('tscontainer'),
      '--root',
      root,
      'exec',
      'closed',
      'sh',
      '-c',
      script,
    ],
    {
      env: { ...process.env, SECRET: 'x' },
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', file],
    },
  );
  closeSync(file);
  assert.equal(child.stdout, '0\n0\n/bin/busybox\n/\n', child.stderr);
  await exec('closed', 'sh', '-c', 'printf "#!/proc/self/exe\\n" >/attack; chmod 755 /attack');
  const attack = await exec('closed', '/attack');
  assert.notEqual(attack.status, 0);
  assert.doesNotMatch(attack.stdout, /node|Usage/i);
});

test('the files of a hostile container are looked up inside it', { skip }, async () => {
  await container('hostile');
  await exec(
    'hostile',
    'sh',
    '-c',
    'rm /etc/passwd; ln -s ../../../../../../proc/1/root/etc/passwd /etc/passwd; mkfifo /fifo',
  );
  assert.equal((await exec('-u', 'alice', 'hostile', 'id')).status, 126);
  await exec('hostile', 'sh', '-c', 'rm /etc/passwd; ln -s /fifo /etc/passwd');
  assert.match((await exec('-u', 'alice', 'hostile', 'id')).stderr, /no matching entries in passwd file/);
  assert.match((await exec('-w', '/proc/1/cwd', 'hostile', 'pwd')).stderr, /working directory/);
  assert.equal((await exec('-w', '/proc/self/fd/3', 'hostile', 'pwd')).status, 126);
});

test('it counts for the limits of the container, and has its own limits', { skip }, async () => {
  await container(
    'limited',
    '--pids-limit',
    '20',
    '--ulimit',
    'nofile=111:222',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
  );
  const script =
    'ulimit -Sn; ulimit -Hn; grep -E "CapEff|NoNewPrivs" /proc/self/status; for n in $(seq 30); do sleep 1 & done';
  const { stdout, stderr } = await exec('limited', 'sh', '-c', script);
  assert.match(stdout, /^111\n222\nCapEff:\t0+\nNoNewPrivs:\t1\n/);
  assert.match(stderr, /can't fork/);
});

/** Types each text when the output has the one before it. */
async function onTerminal(
  args: string[],
  steps: readonly [wait: string, type: string][],
): Promise<{ output: string; status: number | null }> {
  const command = ['exec', process.execPath, bundledProgram('tscontainer'), '--root', root, 'exec', ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const child = spawn('script', ['-qec', `stty rows 31 cols 77; ${command.replace("'exec'", 'exec')}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  const [...left] = steps;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (left[0] !== undefined && output.includes(left[0][0])) child.stdin.write(left.shift()?.[1] ?? '');
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { output, status };
}

test('a terminal of the container: size, input, interrupt; the keys to leave it alone', { skip }, async () => {
  await container('screen');
  const script =
    'trap "echo caught; exit 5" INT; stty size; tty; echo ready; read a; echo got $a; echo again; while :; do sleep 0.1; done';
  const { output, status } = await onTerminal(
    ['-it', 'screen', 'sh', '-c', script],
    [
      ['ready', 'word\n'],
      ['again', '\u0003'],
    ],
  );
  assert.match(output, /31 77\r\n\/dev\/pts\/\d+\r\nready/);
  assert.match(output, /got word/);
  assert.match(output, /caught/);
  assert.equal(status, 5, output);
  const talkative = 'echo ready; sleep 1; yes | head -100000; echo finished >/finished; sleep 60';
  const detached = await onTerminal(['-it', 'screen', 'sh', '-c', talkative], [['ready', '\u0010\u0011']]);
  assert.match(detached.output, /read escape sequence/);
  assert.equal(detached.status, 1);
  await until(async () => (await exec('screen', 'cat', '/finished')).stdout === 'finished\n', 'the command goes on');
});

test('the caller is told when the container does not run', { skip }, async () => {
  assert.match((await exec('nosuch', 'true')).stderr, /No such container: nosuch/);
});

test('from the library: input, outputs, status, and an end by signal', { skip }, async () => {
  await container('lib');
  const { exec: run } = await import('../../../src/library/exec.js');
  const texts = { stdout: '', stderr: '' };
  const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    texts[stream] += chunk;
  };
  const command = ['sh', '-c', 'cat; echo $A >&2; exit 9'] as const;
  const ended = await run('lib', [...command], { root, input: 'given\n', env: ['A=b'], onOutput });
  assert.deepEqual([ended, texts], [{ exitCode: 9 }, { stdout: 'given\n', stderr: 'b\n' }]);
  await assert.rejects(run('lib', ['nosuch'], { root }), { code: 'E_COMMAND', exitCode: 126 });
  await assert.rejects(run('nosuch', ['true'], { root }), { code: 'E_NO_CONTAINER' });
  const signal = AbortSignal.timeout(300);
  assert.deepEqual(await run('lib', ['sleep', '600'], { root, signal }), { exitCode: 137 });
});
