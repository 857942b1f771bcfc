import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type SandboxOptions, type SandboxResult, sandbox } from '../../../../src/library/sandbox.js';
import { findHierarchies } from '../../../../src/run/cgroup/hierarchies.js';
import { KnownError } from '../../../../store/errors.js';
import { cgroupsOf } from '../../../support/cgroups.js';
import { addImage, busybox, layerRoot } from '../../../support/layer-root.js';
import { missing } from '../../../support/needs.js';
import { tempDir } from '../../../support/temp.js';
import { tsrun } from '../../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
const { v1, v2 } = findHierarchies();
const counts = v1.has('memory') || (v2?.controllers.includes('memory') ?? false);
const skipLimits = skip || (!counts && 'needs the cgroup controller memory');

const inside = (script: string, options: SandboxOptions = {}): Promise<SandboxResult> =>
  sandbox('bb', ['sh', '-c', script], { root, ...options });

function nothingLeft(...results: SandboxResult[]): void {
  for (const folder of ['containers', 'live', 'names'])
    assert.deepEqual(readdirSync(join(root, 'tspull', folder)), [], folder);
  assert.deepEqual(cgroupsOf(results.map(({ id }) => id)), []);
}

test('outputs, status and figures of a command', { skip: skipLimits }, async () => {
  const script = 'cat; echo err >&2; i=0; while test $i -lt 20000; do i=$((i+1)); done; exit 3';
  const result = await inside(script, { input: 'from the caller\n' });
  const { stdout, stderr, exitCode, reason, signal, timedOut, oomKilled, changes } = result;
  assert.deepEqual(
    { stdout, stderr, exitCode, reason, signal, timedOut, oomKilled, changes },
    {
      stdout: 'from the caller\n',
      stderr: 'err\n',
      exitCode: 3,
      reason: 'exited',
      signal: null,
      timedOut: false,
      oomKilled: false,
      changes: [],
    },
  );
  assert.ok(result.cpuMs > 0 && result.wallMs >= result.cpuMs / 2, JSON.stringify(result));
  assert.ok(result.peakMemory > 100_000 && result.peakMemory < 100_000_000, String(result.peakMemory));
  nothingLeft(result);
});

test('what it may not', { skip: skipLimits }, async () => {
  const { stdout } = await inside(`
    grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status; cat /proc/net/dev | grep -c :
    touch /x /etc/hosts /root/x 2>/dev/null || echo read-only; touch /tmp/a /var/tmp/b /run/c && echo scratch; ulimit -c
    chown 5 /tmp/a 2>/dev/null || echo no chown; mknod /tmp/n c 1 3 2>/dev/null || echo no mknod; cat /bin/busybox >/tmp/busybox; chmod 755 /tmp/busybox; /tmp/busybox true && echo runs`);
  const none = '0000000000000000';
  const capabilities = ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}:\t${none}`);
  const rest = ['NoNewPrivs:\t1', 'Seccomp:\t2', '1', 'read-only', 'scratch', '0', 'no chown', 'no mknod', 'runs', ''];
  assert.equal(stdout, [...capabilities, ...rest].join('\n'));
});

test('each way to end has its reason', { skip: skipLimits }, async () => {
  const late = await inside('echo early; sleep 600', { timeoutMs: 500 });
  assert.deepEqual([late.reason, late.timedOut, late.exitCode, late.signal], ['timeout', true, 124, 'SIGKILL']);
  assert.equal(late.stdout, 'early\n');
  assert.ok(late.wallMs >= 500);
  const memory = await sandbox('bb', ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1'], {
    root,
    memory: 16 * 1024 * 1024,
  });
  assert.deepEqual([memory.reason, memory.oomKilled, memory.exitCode], ['out-of-memory', true, 137]);
  const child = await inside('dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; echo $?', { memory: 16777216 });
  assert.deepEqual([child.reason, child.oomKilled, child.stdout], ['exited', true, '137\n']);
  const loud = await inside('yes', { outputLimit: 1000 });
  assert.deepEqual([loud.reason, loud.stdout.length], ['output-limit', 1000]);
  const abort = new AbortController();
  const stopped = inside('sleep 600', { signal: abort.signal });
  setTimeout(() => abort.abort(), 300);
  assert.equal((await stopped).reason, 'aborted');
  const tooMany = await inside('i=0; while test $i -lt 40; do sleep 5 & i=$((i+1)); done', { pidsLimit: 10 });
  assert.match(tooMany.stderr, /fork/);
  nothingLeft(late, memory, child, loud, tooMany);
});

test('a process that hides from the end is ended', { skip: skipLimits }, async () => {
  const script =
    'trap "" TERM INT HUP; (setsid sh -c "trap \'\' TERM; while true; do sleep 0.1; done" >/dev/null 2>&1 &); echo up; sleep 600';
  assert.equal((await inside(script, { timeoutMs: 400 })).reason, 'timeout');
  nothingLeft();
});

test('changed files, in a root that may be written to', { skip: skipLimits }, async () => {
  const script = `echo >/new; mkdir -p /deep/er; echo >/deep/er/file; rm /etc/group; chmod 600 /etc/passwd; rm -r /home; mkdir /home
    ln -s /etc/passwd /link; printf x >"$(printf '/\\377')"; touch /etc/hosts`;
  const { changes, changesCut } = await inside(script, {
    readonly: false,
    mounts: [{ type: 'tmpfs', target: '/made/up' }],
  });
  assert.deepEqual(
    changes.map(({ kind, path }) => `${kind} ${path}`).sort(),
    [
      ...['added /deep', 'added /deep/er', 'added /deep/er/file', 'added /link', 'added /new', 'added /\ufffd'],
      ...['changed /etc', 'changed /etc/passwd', 'changed /home', 'deleted /etc/group', 'deleted /home/alice'],
    ].sort(),
  );
  assert.equal(changesCut, false);
  const many = await inside('cd /tmp; i=0; while test $i -lt 10010; do echo >$i; i=$((i+1)); done', {
    readonly: false,
  });
  assert.deepEqual([many.changes.length, many.changesCut], [10_000, true]);
  const deep = await inside('i=0; while test $i -lt 300; do mkdir d; cd d; i=$((i+1)); done', {
    readonly: false,
    workdir: '/tmp',
  });
  assert.equal(deep.changesCut, true);
});

test('bytes that are no text', { skip: skipLimits }, async () => {
  const { stdout } = await inside('printf "\\000\\377\\n"', { encoding: 'base64' });
  assert.equal(stdout, Buffer.from([0, 255, 10]).toString('base64'));
});

test('what would open it is refused, and failures leave no descriptor', { skip }, async () => {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const fails = (options: SandboxOptions, code: string): Promise<void> =>
    assert.rejects(inside('true', options), (error) => error instanceof KnownError && error.code === code);
  await fails({ user: 'nobody-here' }, 'E_RUN');
  const before = open();
  for (const options of [
    { privileged: true },
    { network: 'host' },
    { pid: 'host' },
    { ipc: 'host' },
    { uts: 'host' },
    { capAdd: ['NET_RAW'] },
    { seccomp: 'unconfined' },
    { devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'r' }] },
  ] as const)
    await fails(options as SandboxOptions, 'E_USAGE');
  await fails({ user: 'nobody-here' }, 'E_RUN');
  await fails({ mounts: [{ type: 'bind', source: '/nothing/here', target: '/x' }] }, 'E_RUN');
  await fails(
    {
      mounts: [
        { type: 'tmpfs', target: '/x' },
        { type: 'tmpfs', target: '/proc' },
      ],
    },
    'E_RUN',
  );
  await assert.rejects(sandbox('bb', ['nothing-like-it'], { root }), { code: 'E_COMMAND', exitCode: 127 });
  await assert.rejects(sandbox('missing', [], { root, pull: 'never' }), { code: 'E_NO_IMAGE' });
  assert.equal(open(), before);
  nothingLeft();
});

test('fifty at once', { skip: skipLimits }, async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      inside(`cat; echo ${index}; exit ${index}`, { input: 'x'.repeat(100_000) }),
    ),
  );
  process.off('warning', listen);
  for (const [index, { exitCode, stdout, reason }] of results.entries())
    assert.deepEqual([exitCode, reason, stdout.slice(100_000)], [index, 'exited', `${index}\n`]);
  assert.deepEqual(warnings, []);
  nothingLeft(...results);
});

test('the program: words, statuses and JSON', { skip: skipLimits }, (t) => {
  const run = (...args: string[]) => tsrun(root, args);
  const late = run('--sandbox', '--timeout', '300ms', 'bb', 'sleep', '60');
  assert.deepEqual([late.status, late.stderr], [124, 'tsrun: the command was killed: it ran longer than 0.3 s\n']);
  assert.equal(run('--timeout', '0.3', '--rm', 'bb', 'sleep', '60').status, 124);
  assert.deepEqual(run('--timeout', '1m', '--rm', 'bb', 'echo', 'x'), { status: 0, stdout: 'x\n', stderr: '' });
  const hog = run('--sandbox', '-m', '16m', 'bb', 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1');
  assert.deepEqual(
    [hog.status, hog.stderr],
    [137, 'tsrun: the command was killed by the kernel: it used more than 16777216 bytes of memory\n'],
  );
  const loud = run('--sandbox', '--output-limit', '1k', 'bb', 'yes');
  assert.deepEqual([loud.status, loud.stdout.length], [137, 1024]);
  const fed = tsrun(root, ['--sandbox', '-i', '--json', 'bb', 'sh', '-c', 'cat; echo complaint >&2; exit 4'], {
    input: 'text',
  });
  const json = JSON.parse(fed.stdout);
  assert.deepEqual(
    [fed.status, fed.stderr, json.exitCode, json.stdout, json.stderr],
    [4, '', 4, 'text', 'complaint\n'],
  );
  const failed = run('--sandbox', '--json', 'bb', 'nothing-like-it');
  assert.deepEqual([failed.status, JSON.parse(failed.stdout).error.code], [127, 'E_COMMAND']);
  for (const flags of [
    ['--privileged'],
    ['--network', 'host'],
    ['--timeout', 'soon'],
    ['--output-limit', 'x'],
    ['-t', '--json'],
  ])
    assert.equal(run('--sandbox', ...flags, 'bb', 'true').status, 125, flags.join(' '));
  const dir = tempDir(t);
  mkdirSync(join(dir, 'sub'));
  writeFileSync(join(dir, 'file'), 'mounted\n');
  assert.equal(run('--sandbox', '-v', `${dir}:/tmp:ro`, 'bb', 'cat', '/tmp/file').stdout, 'mounted\n');
  nothingLeft();
});
