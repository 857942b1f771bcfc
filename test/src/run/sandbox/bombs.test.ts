/** Code that takes all it can get of a sandbox: each ends in time, with a report that says why, and nothing is left of it. */
import assert from 'node:assert/strict';
import { readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type SandboxOptions, type SandboxResult, sandbox } from '../../../../src/library/sandbox.js';
import { findHierarchies } from '../../../../src/run/cgroup/hierarchies.js';
import { cgroupsOf } from '../../../support/cgroups.js';
import { addImage, busybox, layerRoot } from '../../../support/layer-root.js';
import { ourMounts } from '../../../support/mounts.js';
import { missing } from '../../../support/needs.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
const { v1, v2 } = findHierarchies();
const has = (name: string): boolean => v1.has(name) || (v2?.controllers.includes(name) ?? false);
const skipLimits = skip || (!(has('memory') && has('pids')) && 'needs the cgroup controllers memory and pids');

const MiB = 1024 * 1024;
/** What a container may take to start and to be cleared away, on a busy machine. */
const SLACK_MS = 8000;

const inside = (script: string, options: SandboxOptions = {}): Promise<SandboxResult> =>
  sandbox('bb', ['sh', '-c', script], { root, ...options });

function nothingLeft({ id }: SandboxResult): void {
  for (const folder of ['containers', 'live', 'names']) assert.deepEqual(readdirSync(join(root, 'tspull', folder)), []);
  assert.deepEqual(cgroupsOf([id]), []);
  assert.deepEqual(ourMounts(root), []);
}

interface Bomb {
  what: string;
  script: string;
  options?: SandboxOptions;
  /** What of the report must be so. */
  report: (result: SandboxResult) => void;
}

const timeout = ({ reason, exitCode, signal, timedOut }: SandboxResult): void =>
  assert.deepEqual([reason, exitCode, signal, timedOut], ['timeout', 124, 'SIGKILL', true]);

const bombs: readonly Bomb[] = [
  {
    what: 'processes without end',
    script: 'f() { f & f & wait; }; f 2>/dev/null; sleep 60',
    options: { timeoutMs: 1500 },
    report: timeout,
  },
  {
    what: 'processes that leave their session and their parents, and ignore signals',
    script: `trap "" TERM HUP INT; while :; do (setsid sh -c "trap '' TERM; sleep 60" &) 2>/dev/null; done`,
    options: { timeoutMs: 1500, pidsLimit: 50 },
    report: timeout,
  },
  {
    what: 'memory, in one piece',
    script: 'exec dd if=/dev/zero of=/dev/null bs=200M count=1',
    options: { memory: 32 * MiB },
    report: ({ reason, exitCode, signal, oomKilled, peakMemory }) => {
      assert.deepEqual([reason, exitCode, signal, oomKilled], ['out-of-memory', 137, 'SIGKILL', true]);
      assert.ok(peakMemory > 24 * MiB && peakMemory <= 33 * MiB, String(peakMemory));
    },
  },
  {
    what: 'memory, again and again by children',
    script: 'while :; do dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; done',
    options: { memory: 24 * MiB, timeoutMs: 1500 },
    report: (result) => {
      timeout(result);
      assert.equal(result.oomKilled, true);
    },
  },
  {
    what: 'open files',
    script: 'i=10; while eval "exec $i</dev/null" 2>/dev/null; do i=$((i+1)); done; echo $i',
    options: { timeoutMs: 20_000, ulimits: [{ name: 'nofile', soft: 500, hard: 500 }] },
    report: ({ reason, exitCode, stderr }) => {
      assert.equal(reason, 'exited');
      assert.notEqual(exitCode, 0, 'a shell ends when a redirection of exec fails');
      assert.match(stderr, /^$|too many open files/i);
    },
  },
  {
    what: 'files in memory: each folder is full, and what they hold counts',
    script:
      'for d in /tmp /var/tmp /run /dev/shm /; do dd if=/dev/zero of=$d/f bs=1M count=200 2>&1 | grep -o "No space left\\|Read-only"; done; echo end',
    report: ({ reason, exitCode, stdout, peakMemory }) => {
      assert.deepEqual([reason, exitCode], ['exited', 0]);
      assert.equal(stdout, `${'No space left\n'.repeat(4)}Read-only\nend\n`);
      assert.ok(peakMemory > 128 * MiB && peakMemory <= 513 * MiB, String(peakMemory));
    },
  },
  {
    what: 'more files in memory than it may have',
    script: 'for d in /tmp /var/tmp; do dd if=/dev/zero of=$d/f bs=1M count=60 2>/dev/null; done; echo survived',
    options: { memory: 32 * MiB, timeoutMs: 5000 },
    report: ({ oomKilled, stdout, peakMemory }) => {
      assert.equal(oomKilled, true);
      assert.ok(peakMemory <= 33 * MiB, `${stdout} ${peakMemory}`);
    },
  },
  {
    what: 'empty files without end',
    script: 'cd /tmp; i=0; while :; do : >$i || exit 3; i=$((i+1)); done',
    options: { timeoutMs: 2000, memory: 48 * MiB },
    report: ({ reason }) => assert.match(reason, /^(timeout|out-of-memory|exited)$/),
  },
  {
    what: 'output on both streams',
    script: 'while :; do echo to-out; echo to-err >&2; done',
    options: { outputLimit: 100_000, timeoutMs: 20_000 },
    report: ({ reason, stdout, stderr, signal }) => {
      assert.deepEqual([reason, signal], ['output-limit', 'SIGKILL']);
      assert.equal(stdout.length + stderr.length, 100_000);
    },
  },
  {
    what: 'the processor',
    script: 'while :; do :; done',
    options: { timeoutMs: 1200 },
    report: (result) => {
      timeout(result);
      assert.ok(result.cpuMs > 100 && result.cpuMs < result.wallMs * 2, JSON.stringify(result));
    },
  },
];

for (const { what, script, options = {}, report } of bombs)
  test(what, { skip: skipLimits, timeout: 60_000 }, async () => {
    const free = statfsSync(root).bavail;
    const result = await inside(script, options);
    report(result);
    assert.ok(result.wallMs < (options.timeoutMs ?? 30_000) + SLACK_MS, `${result.wallMs} ms`);
    nothingLeft(result);
    const { bavail, bsize } = statfsSync(root);
    assert.ok((free - bavail) * bsize < 200 * MiB, 'nothing of it is on the disk');
  });

test('signals by which a command ends, and how long it took', { skip: skipLimits }, async () => {
  for (const [name, number] of [
    ['SEGV', 11],
    ['TERM', 15],
    ['KILL', 9],
    ['ABRT', 6],
  ] as const) {
    const { exitCode, signal, reason, oomKilled, timedOut } = await inside(`sh -c 'kill -${name} $$'; exit $?`);
    assert.deepEqual([exitCode, signal, reason], [128 + number, null, 'exited'], 'of a child, as the shell tells it');
    assert.deepEqual([oomKilled, timedOut], [false, false]);
  }
  const result = await inside('sleep 0.5');
  assert.ok(result.wallMs >= 500 && result.cpuMs < 500, JSON.stringify(result));
});

test('fifty bombs at once', { skip: skipLimits, timeout: 120_000 }, async () => {
  const kinds = [
    'f() { f & f & wait; }; f 2>/dev/null; sleep 60',
    'exec dd if=/dev/zero of=/dev/null bs=64M count=1',
    'while :; do echo x; done',
  ];
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      inside(kinds[index % kinds.length] ?? '', {
        memory: 16 * MiB,
        pidsLimit: 12,
        timeoutMs: 4000,
        outputLimit: 1000,
      }),
    ),
  );
  const reasons = results.map(({ reason }) => reason);
  for (const [index, reason] of reasons.entries())
    assert.ok(
      [['timeout', 'out-of-memory', 'exited'], ['out-of-memory'], ['output-limit', 'timeout']][
        index % kinds.length
      ]?.includes(reason),
      `${index} ${JSON.stringify(results[index])}`,
    );
  for (const result of results) nothingLeft(result);
});
