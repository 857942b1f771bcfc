/** `--userns`: root of the container is nobody on the host. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mapId, parseRanges } from '../../../src/run/userns/id-maps.js';
import { KnownError } from '../../../store/errors.js';
import type { CommandResult } from '../../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { ourMounts } from '../../support/mounts.js';
import { missing } from '../../support/needs.js';
import { runWithEtc } from '../../support/private-etc.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root', 'busybox', 'unshare');
const root = skip ? '' : layerRoot({ after });
if (!skip)
  addImage(
    root,
    [
      busybox,
      (diff) => {
        writeFileSync(join(diff, 'hers'), 'x');
        chownSync(join(diff, 'hers'), 1000, 1001);
      },
    ],
    {},
    'bb',
  );
const program = fileURLToPath(new URL('../../../src/cli/tsrun.js', import.meta.url));
const usual = 'someone:1:2\ndockremap:100000:65536\nodd:300000:500\nodd:400000:1000\n';

function tsrun(t: TestContext, args: readonly string[], ranges = usual): Promise<CommandResult> {
  const command = [process.execPath, program, '--root', root, '--rm', ...args];
  return runWithEtc(t, { subuid: ranges, subgid: ranges }, command);
}

const inside = (t: TestContext, script: string, ...flags: string[]): Promise<CommandResult> =>
  tsrun(t, ['--userns', 'default', ...flags, 'bb', 'sh', '-c', script]);

test('ids inside and outside', { skip }, async (t) => {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, 'of-root'), 'x', { mode: 0o600 });
  const own = join(dir, 'own');
  writeFileSync(own, '');
  chownSync(own, 100_000, 100_000);
  const { stdout, stderr, status } = await inside(
    t,
    `id -u; tr -s " " </proc/self/uid_map; stat -c "%u %g" /hers /bin /etc/passwd /v/of-root; cat /v/of-root 2>/dev/null || echo refused
    echo text >/hers && echo >>/etc/hosts && touch /new && stat -c %u /hers /new; echo mine >/v/own && echo written
    chown 7:8 /new && stat -c "%u %g" /new; su alice -c "id -u; touch /tmp/hers; cat /hers"; ls -d /w/x; stat -c %u /w/x`,
    ...['-v', `${dir}:/v`, '-w', '/w/x', '-m', '64m'],
  );
  assert.equal(
    stdout,
    '0\n 0 100000 65536\n1000 1001\n0 0\n0 0\n65534 65534\nrefused\n1000\n0\nwritten\n7 8\n1000\ntext\n/w/x\n0\n',
    stderr,
  );
  assert.equal(status, 0);
  assert.equal(statSync(own).uid, 100_000);
});

test('processes are nobody on the host, in their cgroups, and may do what Docker allows in a user namespace', {
  skip,
}, async (t) => {
  const dir = tempDir(t);
  chownSync(dir, 100_000, 100_000);
  const script = `${process.execPath} ${program} --root ${root} --rm --userns default -m 64m -v ${dir}:/v bb sh -c \
    'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; mknod /x c 1 3 2>&1; mount -t tmpfs x /tmp 2>&1; echo x >/dev/null && echo null; echo >/v/up; while test -e /v/up; do sleep 0.02; done' &
    n=$!; while ! test -e ${dir}/up; do sleep 0.02; done
    for p in /proc/[0-9]*; do grep -q "^PPid:.$n$" $p/status 2>/dev/null || continue; one=\${p#/proc/}; done
    two=$(grep -l "^PPid:.$one$" /proc/[0-9]*/status 2>/dev/null); three=$(grep -l "^PPid:.$(echo $two | tr -dc 0-9)$" /proc/[0-9]*/status 2>/dev/null)
    grep -h "^Uid" $two $three | tr "\\t" " "; rm ${dir}/up; wait`;
  const { stdout, stderr } = await runWithEtc(t, { subuid: usual, subgid: usual }, ['sh', '-c', script]);
  assert.match(stdout, /CapEff:\t00000000a80425fb\n/, stderr);
  assert.match(stdout, /mknod: \/x: Operation not permitted\nmount: .*ermission denied.*\nnull\n/);
  assert.match(stdout, /Uid: 100000 100000 100000 100000\nUid: 100000 100000 100000 100000\n$/);
});

test('several ranges, users outside of them, and what goes with no user namespace', { skip }, async (t) => {
  const alice = await tsrun(t, ['--userns', 'odd', '-u', 'alice', 'bb', 'cat', '/proc/self/uid_map']);
  assert.match(alice.stdout, /^\s*0\s+300000\s+500\n\s*500\s+400000\s+1000\n$/, alice.stderr);
  const beyond = await tsrun(t, ['--userns', 'odd', '-u', '1500', 'bb', 'true']);
  assert.deepEqual(
    [beyond.status, beyond.stderr],
    [125, 'tsrun: the id 1500 is outside of the ranges of the user namespace\n'],
  );
  const nobody = await tsrun(t, ['--userns', 'nosuch', 'bb', 'true']);
  assert.equal(nobody.status, 125);
  assert.match(nobody.stderr, /\/etc\/subuid has no range for "nosuch"\n {2}hint: add a line/);
  for (const flags of [['--privileged'], ['--network', 'host'], ['--pid', 'host'], ['--runtime', 'runc']]) {
    const { status, stderr } = await tsrun(t, ['--userns', 'default', ...flags, 'bb', 'true']);
    assert.equal(status, 125, flags.join(' '));
    assert.match(stderr, /incompatible with user namespaces/);
  }
  assert.equal(
    (await tsrun(t, ['--userns', 'host', 'bb', 'cat', '/proc/self/uid_map'])).stdout.trim().split(/\s+/)[1],
    '0',
  );
});

test('in a sandbox, with init, and when the command is not there', { skip }, async (t) => {
  const box = await tsrun(t, [
    '--sandbox',
    '--userns',
    'default',
    '--json',
    'bb',
    'sh',
    '-c',
    'id -u; touch /tmp/x /x',
  ]);
  const { stdout, exitCode, reason } = JSON.parse(box.stdout);
  assert.deepEqual([stdout, exitCode, reason], ['0\n', 1, 'exited'], box.stdout);
  assert.equal((await inside(t, 'kill -9 $$', '--init')).status, 137);
  assert.equal((await tsrun(t, ['--userns', 'default', 'bb', 'nothing-like-it'])).status, 127);
  assert.deepEqual(readdirSync(join(root, 'tspull/containers')), []);
  assert.deepEqual(ourMounts(root), []);
});

test('lines of subuid(5)', () => {
  const parse = (text: string) => parseRanges(text, 'me', '/etc/subuid');
  const ranges = parse('you:5:5\nme:100000:10\nmeme:7:7\nme:200000:5\n');
  assert.deepEqual(ranges, [
    { inside: 0, outside: 100_000, size: 10 },
    { inside: 10, outside: 200_000, size: 5 },
  ]);
  assert.deepEqual(
    [0, 9, 10, 14, 15].map((id) => mapId(ranges, id)),
    [100_000, 100_009, 200_000, 200_004, undefined],
  );
  const many = Array.from({ length: 10_000 }, (_, index) => `user${index}:${100_000 + index}:1\n`).join('');
  assert.deepEqual(parse(many), []);
  for (const text of [
    'me:0:10',
    'me:-1:10',
    'me:1:0',
    'me:1',
    'me:x:y',
    'me:4294967295:1',
    'me:4294967290:10',
    'me:10:10\nme:15:10',
  ])
    assert.throws(() => parse(text), KnownError, text);
});

test('a command in a running one: its root is nobody on the host, too, and a terminal is its user’s', {
  skip,
}, async (t) => {
  const script = `
    RUN="${process.execPath} ${program} --root ${root}"; EXEC="${process.execPath} ${program.replace(/tsrun\.js$/, 'tscontainer.js')} --root ${root} exec"
    $RUN -d --name inner --userns default bb sleep 600 >/dev/null || exit 1
    $EXEC inner sh -c 'id -u; tr -s " " </proc/self/uid_map; cat /proc/self/setgroups; echo x >/made; stat -c "%u %g" /made; mount -t tmpfs x /tmp 2>/dev/null || echo refused'
    $EXEC -t -u alice inner sh -c 'id -u; stat -c "%u %g" $(tty); echo seen >/dev/tty'
    $EXEC inner sh -c 'echo; echo; test $(readlink /proc/1/ns/cgroup) = $(readlink /proc/self/ns/cgroup) && echo same'
    ${process.execPath} ${program.replace(/tsrun\.js$/, 'tscontainer.js')} --root ${root} rm -f inner >/dev/null`;
  const etc = { subuid: usual, subgid: usual };
  const { stdout, stderr } = await runWithEtc(t, etc, ['/bin/sh', '-c', script]);
  const [uid, map, setgroups, made, refused, alice, terminal, seen, , , same] = stdout.split(/\r?\n/);
  assert.deepEqual(
    { uid, map, setgroups, made, refused, alice, terminal, seen, same },
    {
      uid: '0',
      map: ' 0 100000 65536',
      setgroups: 'allow',
      made: '0 0',
      refused: 'refused',
      alice: '1000',
      terminal: '1000 5',
      seen: 'seen',
      same: 'same',
    },
    stderr,
  );
});
