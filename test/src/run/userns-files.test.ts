/** Terminals, devices, volumes and files of containers with `--userns`: inside they are root's, outside nobody's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { compiledProgram } from '../../support/cli.js';
import type { CommandResult } from '../../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { runWithEtc } from '../../support/private-etc.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root', 'busybox', 'unshare');
const root = skip ? '' : layerRoot({ after });
if (!skip)
  addImage(
    root,
    [
      (diff) => {
        busybox(diff);
        mkdirSync(join(diff, 'vol'));
        writeFileSync(join(diff, 'vol/hers'), 'x');
        chownSync(join(diff, 'vol/hers'), 1000, 1001);
      },
    ],
    {},
    'bb',
  );

const FIRST = 100_000;
const ranges = `dockremap:${FIRST}:65536\n`;

/** A shell text that sees the ranges; `$RUN` is tsrun with a user namespace, `$TS` tscontainer. Names of containers go with the test. */
async function inShell(t: TestContext, script: string, ...args: string[]): Promise<CommandResult> {
  const program = (name: 'tsrun' | 'tscontainer'): string =>
    `${process.execPath} ${compiledProgram(name)} --root ${root}`;
  const text = `RUN="${program('tsrun')} --userns default"; PLAIN="${program('tsrun')}"; TS="${program('tscontainer')}"
    ${script}
    all=$($TS ls -aq); test -z "$all" || $TS rm -f $all >/dev/null`;
  return await runWithEtc(t, { subuid: ranges, subgid: ranges }, ['/bin/sh', '-c', text, 'sh', ...args]);
}

test('a terminal is its user’s: by its name, as /dev/tty, as /dev/console', { skip }, async (t) => {
  const look =
    'stat -c "%u %g %a" $(tty) /dev/pts /dev/pts/ptmx; echo by-name >$(tty); echo by-tty >/dev/tty; test -c /dev/console && echo console';
  const { stdout, stderr } = await inShell(
    t,
    `$RUN --rm -t bb sh -c '${look}'
    $RUN --rm -t -u alice bb sh -c 'stat -c "%u %g" $(tty); echo alice >$(tty)'
    $PLAIN --rm -t -u alice bb sh -c 'stat -c "%u %g" $(tty); echo plain >$(tty)'
    $RUN -d -t --name dd bb sh -c 'stat -c "%u %g" $(tty); sleep 600' >/dev/null
    for i in 1 2 3 4 5 6 7 8 9 10; do test -n "$($TS logs dd)" || sleep 0.2; done; $TS logs dd
    $TS exec -t -u alice dd sh -c 'stat -c "%u %g" $(tty); echo seen >$(tty)'`,
  );
  const lines = stdout.split(/\r?\n/);
  const usual = ['0 5 620', '0 0 755', '0 0 666', 'by-name', 'by-tty', 'console'];
  const others = ['1000 5', 'alice', '1000 5', 'plain', '0 5', '1000 5', 'seen', ''];
  assert.deepEqual(lines, [...usual, ...others], stderr);
});

test('streams that are pipes are their user’s, too', { skip }, async (t) => {
  const look = 'echo out >/dev/stdout; echo err >/dev/stderr; stat -L -c %u /proc/self/fd/1';
  for (const [flags, uid] of [
    ['', '0'],
    ['-u alice', '1000'],
  ] as const) {
    const { stdout, stderr } = await inShell(
      t,
      `$RUN --rm ${flags} bb sh -c '${look}' | cat; $PLAIN --rm ${flags} bb sh -c '${look}' | cat`,
    );
    assert.equal(stdout, `out\n${uid}\n`.repeat(2), stderr);
    assert.equal(stderr, 'err\nerr\n');
  }
});

test('devices of the host', { skip }, async (t) => {
  const folder = tempDir(t);
  execFileSync('mknod', ['-m', '600', join(folder, 'closed'), 'c', '1', '5']);
  execFileSync('mknod', ['-m', '666', join(folder, 'open'), 'c', '1', '5']);
  const look = `head -c 2 /dev/sub/open | od -An -tx1; head -c 2 /dev/null | wc -c; stat -c "%t %T %u" /dev/sub/open
    (head -c 1 /dev/closed) 2>/dev/null || echo refused`;
  const { stdout, stderr } = await inShell(
    t,
    `$RUN --rm --device $1/open:/dev/sub/open:r --device $1/closed:/dev/closed --device $1/open:/dev/null bb sh -c '${look}'`,
    folder,
  );
  assert.equal(stdout, ' 00 00\n2\n1 5 65534\nrefused\n', stderr);
});

test('volumes: what is copied into them and made in them is the container’s, and nobody’s on the host', {
  skip,
}, async (t) => {
  const { stdout, stderr } = await inShell(
    t,
    `$RUN --rm -v named:/vol bb sh -c 'stat -c "%u %g" /vol /vol/hers; echo x >/vol/made; mkdir /vol/dir; chmod 4755 /vol/made; stat -c %u /vol/made'
    $RUN --rm -v empty:/new bb sh -c 'echo x >/new/made && stat -c %u /new/made'
    $RUN --rm -v named:/vol bb sh -c 'cat /vol/made'`,
  );
  assert.equal(stdout, '0 0\n1000 1001\n0\n0\nx\n', stderr);
  const data = (name: string, file: string): string => join(root, 'volumes', name, '_data', file);
  for (const [name, file, uid] of [
    ['named', '', FIRST],
    ['named', 'hers', FIRST + 1000],
    ['named', 'made', FIRST],
    ['empty', 'made', FIRST],
  ] as const)
    assert.equal(lstatSync(data(name, file)).uid, uid, `${name}/${file}`);
});

test('cp, export and commit: ids are those of the container, on the way in and out', { skip }, async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'file'), 'x');
  chownSync(join(dir, 'file'), 7, 8);
  const owners = 'stat -c "%n %u %g" /in/file /in/user /in/archived /vol/hers';
  const { stdout, stderr } = await inShell(
    t,
    `$RUN -d --name cc -u alice bb sleep 600 >/dev/null
    $TS exec -u root cc sh -c 'mkdir /in; touch /made; chown 5:6 /made'
    $TS cp "$1/file" cc:/in/file; $TS cp -a "$1/file" cc:/in/user
    $TS exec cc ${owners.replace('/in/archived ', '')}
    tar -cf - -C "$1" file | $TS cp - cc:/in
    $TS exec cc stat -c "%u %g" /in/file
    $TS cp cc:/made - | tar --numeric-owner -tvf - | tr -s " " | cut -d" " -f2
    $TS cp cc:/made "$1/made"
    $TS stop -t 0 cc >/dev/null
    $TS cp "$1/file" cc:/in/archived; $TS cp cc:/made - | tar --numeric-owner -tvf - | tr -s " " | cut -d" " -f2
    $TS cp cc:/vol/hers - | tar --numeric-owner -tvf - | tr -s " " | cut -d" " -f2
    $TS export cc | tar --numeric-owner -tvf - | tr -s " " | cut -d" " -f2,6 | grep -E " (made|in/file|in/archived|vol/hers|bin/busybox)$"
    $TS commit cc committed >/dev/null
    $PLAIN --rm --pull never -u root committed ${owners} /made
    $TS diff cc | grep -v "^C"`,
    dir,
  );
  const expected = [
    ...['/in/file 7 8', '/in/user 1000 1001', '/vol/hers 1000 1001', '7 8', '5/6', '5/6', '1000/1001'],
    ...['0/0 bin/busybox', '7/8 in/archived', '7/8 in/file', '5/6 made', '1000/1001 vol/hers'],
    ...['/in/file 7 8', '/in/user 1000 1001', '/in/archived 7 8', '/vol/hers 1000 1001', '/made 5 6'],
  ];
  assert.deepEqual(stdout.trim().split('\n').slice(0, expected.length), expected, stderr);
  assert.deepEqual(
    [statSync(join(dir, 'made')).uid, statSync(join(dir, 'made')).gid],
    [0, 0],
    'what comes out is the caller’s',
  );
});

test('root of a container is nobody on the host: its processes, and the files that it makes', { skip }, async (t) => {
  const { stdout, stderr } = await inShell(
    t,
    `$RUN -d --name cc bb sh -c 'touch /made; mkdir /folder; exec sleep 600' >/dev/null
    $TS exec -d cc sleep 601; sleep 0.5
    for pid in $($TS top cc | tail -n +2 | tr -s ' ' | cut -d' ' -f2); do grep -h -E "^(Uid|Gid|Groups)" /proc/$pid/status | tr -s "\\t " " "; done
    $TS inspect -f '{{.GraphDriver.Data.UpperDir}}' cc | while read -r dir; do stat -c "%u %g" "$dir" "$dir/made" "$dir/folder"; done`,
  );
  const one = [`Uid: ${Array(4).fill(FIRST).join(' ')}`, `Gid: ${Array(4).fill(FIRST).join(' ')}`];
  const lines = stdout
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('Groups'));
  assert.deepEqual(lines, [...one, ...one, ...Array(3).fill(`${FIRST} ${FIRST}`)], stderr);
  for (const line of stdout.split('\n').filter((text) => text.startsWith('Groups')))
    for (const gid of line.split(' ').slice(1).filter(Boolean)) assert.ok(Number(gid) >= FIRST, line);
});
