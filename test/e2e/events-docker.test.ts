/** `events`: the same life on both sides makes the same events of the container, in docker's text and JSON. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundledProgram, cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const life: string[][] = [
  ['run', '-d', '--network', 'none', '--name', 'one', '-l', 'k=v', 'bb', 'sleep', '600'],
  ['pause', 'one'],
  ['unpause', 'one'],
  ['rename', 'one', 'two'],
  ['exec', 'two', 'sh', '-c', 'exit 0'],
  ['top', 'two'],
  ['cp', 'two:/etc/passwd', '-'],
  ['cp', '/etc/hostname', 'two:/tmp'],
  ['export', 'two'],
  ['update', '--restart', 'no', 'two'],
  ['commit', '--pause=false', '-m', 'said', 'two', 'made:here'],
  ['kill', '-s', 'USR1', 'two'],
  ['stop', '-t', '1', 'two'],
  ['rename', 'two', 'three'],
  ['start', 'three'],
  ['kill', 'three'],
  ['wait', 'three'],
  ['rm', 'three'],
  ['run', '--rm', '--network', 'none', '--name', 'short', 'bb', 'sh', '-c', 'exit 3'],
];

const questions: string[][] = [
  [],
  ['-f', 'event=die', '-f', 'event=start'],
  ['-f', 'container=three', '-f', 'event=kill'],
  ['-f', 'image=bb', '-f', 'event=create'],
  ['-f', 'label=k', '-f', 'event=destroy'],
  ['-f', 'label=k=x'],
  [
    '--format',
    '{{.Status}} {{.Type}} {{.Action}} {{.From}} {{.Scope}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}',
  ],
  ['--format', '{{json .}}'],
];

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

/** Ids and times are each side's own. */
function common({ status, stdout }: CommandResult): { status: number | null; lines: string[] } {
  const lines = stdout
    .replaceAll(/\b(sha256:)?[0-9a-f]{64}\b/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT\S+/g, 'TIME')
    .replaceAll(/"time(Nano)?":\d+/g, 'TIME')
    .split('\n');
  return { status, lines };
}

test('events are those of docker', { skip }, async (t) => {
  const daemon = await startDockerd(t);
  const root = join(tempDir(t), 'ours');
  await importImage(daemon, root, 'bb', busyboxIn(tempDir(t)));
  const follower = spawn(process.execPath, [
    bundledProgram('tscontainer'),
    '--root',
    root,
    'events',
    '--format',
    '{{.Action}}',
  ]);
  t.after(() => follower.kill('SIGKILL'));
  let followed = '';
  follower.stdout.on('data', (chunk: Buffer) => {
    followed += chunk.toString();
  });
  const since = String(Math.floor(Date.now() / 1000) - 1);
  for (const args of life) {
    const [first, ...rest] = args;
    const ours = first === 'run' ? await cli('tsrun', root, rest) : await cli('tscontainer', root, args);
    const theirs = await daemon.docker(args);
    assert.equal(ours.status, theirs.status, `${args.join(' ')}\n${ours.stderr}${theirs.stderr}`);
  }
  const until = String(Math.floor(Date.now() / 1000) + 1);
  for (const flags of questions) {
    const args = ['events', '--since', since, '--until', until, ...flags];
    const ours = await cli('tscontainer', root, args);
    const theirs = await daemon.docker([...args, '-f', 'type=container']);
    assert.deepEqual(common(ours), common(theirs), `${flags.join(' ')}\n${ours.stderr}`);
  }
  // Half a line, as a full disk leaves it, is passed over.
  appendFileSync(join(root, 'tspull/events/journal'), '{"timeNano":"12\n');
  assert.equal((await cli('tscontainer', root, ['create', '--name', 'last', 'bb', 'true'])).status, 0);
  const after = await cli('tscontainer', root, [
    'events',
    '--since',
    since,
    '--until',
    '0s',
    '-f',
    'container=last',
    '--format',
    '{{.Action}}',
  ]);
  assert.equal(after.stdout, 'create\n', after.stderr);
  while (!followed.endsWith('create\n')) await once(follower.stdout, 'data');
  assert.ok(followed.includes('exec_die\nkill\nkill\n'), followed);
  assert.ok(existsSync(join(root, 'tspull/events/journal')));
  await daemon.stop();
});
