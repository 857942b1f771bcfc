/** What surrounds a start: the caller's folder, terminal, keys, mounts and settings of Node (X06, X16, X32, X37, C09, N01 to N04). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';
import { tsrun } from '../../support/tsrun.js';
import { needs, probeRoot } from './image.js';

const skip = missing(...needs, 'unshare', 'script', 'strace');
const root = skip ? '' : probeRoot({ after });

/** Runs a text where `$TSRUN` is the program, in a mount namespace of its own whose mounts are private. */
function apart(script: string, ...args: string[]): { stdout: string; stderr: string } {
  return tsrun(root, ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', ...args], { shell: 'unshare "$@"' });
}

test('X06 the folder of the caller is gone, or closed to the user', { skip }, (t) => {
  const dir = tempDir(t);
  const gone = 'mkdir "$1/gone" && cd "$1/gone" && rmdir "$1/gone" && $TSRUN --rm probes sh -c "pwd; ls -d ."';
  assert.equal(tsrun(root, [dir], { shell: gone }).stdout, '/\n.\n');
  const closed = 'cd "$1" && chmod 700 . && $TSRUN --rm -u 1000 probes pwd';
  assert.equal(tsrun(root, [dir], { shell: closed }).stdout, '/\n');
});

const wait = 'while ! test -e "$1/up"; do sleep 0.02; done';
const loop = 'echo >/v/up; while test -e /v/up; do sleep 0.02; done';

test('X16 a file system that the host unmounts is not pinned by a container', { skip }, (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'other'));
  const script = `mount -t tmpfs other "$1/other"; $TSRUN --rm -v "$1:/v" --mount type=bind,src=/tmp,dst=/w,bind-nonrecursive probes sh -c '${loop}' & ${wait}
    umount "$1/other" && grep -l "$1/other" /proc/[0-9]*/mountinfo; rm "$1/up"; wait; echo end`;
  // Recursive binds copy what is below; the one of "other" is such a copy, hence the volume is apart.
  mkdirSync(join(dir, 'volume'));
  const separate = script.replace('-v "$1:/v"', '-v "$1/volume:/v"').replaceAll('"$1/up"', '"$1/volume/up"');
  assert.equal(apart(separate, dir).stdout, 'end\n');
});

test('X16 mounts spread as asked: not at all, or from the host with rslave', { skip }, (t) => {
  for (const [mode, seen] of [
    ['rprivate', 'no'],
    ['rslave', 'yes'],
    ['rshared', 'yes'],
  ] as const) {
    const dir = tempDir(t);
    mkdirSync(join(dir, 'sub'));
    const inside =
      'echo >/v/up; while ! test -e /v/go; do sleep 0.02; done; test -e /v/sub/file && echo yes || echo no';
    const script = `mount --bind "$1" "$1"; mount --make-shared "$1"; $TSRUN --rm -v "$1:/v:${mode}" probes sh -c '${inside}' & ${wait}
      mount -t tmpfs sub "$1/sub"; touch "$1/sub/file" "$1/go"; wait`;
    assert.equal(apart(script, dir).stdout, `${seen}\n`, mode);
  }
});

test('C09 a read-only volume is read-only in all that is mounted below it', { skip }, (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'sub'));
  const script =
    'mount -t tmpfs sub "$1/sub"; $TSRUN --rm -v "$1:/v:ro" probes sh -c "touch /v/x /v/sub/x 2>/dev/null || ls /v/sub | wc -l"';
  assert.equal(apart(script, dir).stdout, '0\n');
});

test('X32 a key of the caller stays with the caller', { skip }, (t) => {
  const probe = join(tempDir(t), 'probe');
  tsrun(root, [probe], { shell: '$TSRUN --rm probes cat /probe >"$1"; chmod 700 "$1"' });
  const flags = '--security-opt seccomp=unconfined';
  const { stdout } = tsrun(root, [probe], {
    shell: `"$1" with-key sh -c '"$1" keyring; $TSRUN --rm ${flags} probes /probe keyring' sh "$1"`,
  });
  assert.match(
    stdout,
    /^\d+ .*;tspull-probe\nfound the key of the caller\n\d+ .*;_ses\.[0-9a-f]+\nrequest_key ENOKEY\n$/,
  );
});

test("X37 what is stuffed into the container's terminal stays there", { skip }, () => {
  const command = '$TSRUN --rm -it probes /probe terminal "echo STUFFED"; read -t 1 line; echo "host got [$line]"';
  const { stdout: program } = tsrun(root, [], { shell: 'echo $TSRUN' });
  const env = { PATH: process.env['PATH'], TSPULL_ROOT: root, TSRUN: program.trim(), SHELL: '/bin/bash' };
  // The input stays open: without one there would be nothing to read from.
  const script = ['-c', `(sleep 3; echo) | script -qec '${command}' /dev/null`];
  const { stdout } = spawnSync('bash', script, { env, encoding: 'utf8' });
  assert.match(stdout, /stuffed/);
  assert.match(stdout, /host got \[\]/);
});

test('N01 no thread of Node enters a namespace, mounts or changes who it is', { skip }, (t) => {
  const log = join(tempDir(t), 'log');
  const calls = 'unshare,setns,mount,umount2,pivot_root,chroot,setresuid,setresgid,setgroups,capset,prctl,execve,clone';
  const { stdout } = tsrun(root, [log], {
    shell: `strace -f -o "$1" -e trace=${calls} $TSRUN --rm -u 1000 probes echo done`,
  });
  assert.equal(stdout, 'done\n');
  // A process counts as ours from its start to the execution of another program.
  const programs = new Map<string, string>();
  const wrong: string[] = [];
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, pid = '', call = '', rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (call === 'execve') programs.set(pid, rest.startsWith('"/proc/self/fd/') ? 'stage 2' : 'node');
    const isName = call === 'prctl' && /^PR_(SET_NAME|SET_VMA|GET|CAPBSET_READ)/.test(rest);
    const isThread = call === 'clone' && !/CLONE_NEW(NS|PID|NET|IPC|UTS|USER|CGROUP)/.test(rest);
    if (call !== '' && call !== 'execve' && !isName && !isThread && programs.get(pid) === 'node') wrong.push(line);
  }
  assert.ok([...programs.values()].includes('stage 2'));
  assert.deepEqual(wrong, []);
});

test('N03 whatever the settings of Node, a container starts', { skip }, () => {
  for (const env of [
    { UV_THREADPOOL_SIZE: '1' },
    { UV_THREADPOOL_SIZE: '128' },
    { UV_USE_IO_URING: '1' },
    { NODE_OPTIONS: '--max-old-space-size=64' },
    { LC_ALL: 'tr_TR.UTF-8', TZ: 'Pacific/Apia', LANG: 'C' },
  ]) {
    const { status, stdout, stderr } = tsrun(root, ['--rm', 'probes', 'sh', '-c', 'id -u'], { env });
    assert.deepEqual([status, stdout], [0, '0\n'], `${JSON.stringify(env)} ${stderr}`);
  }
});

test('N04 the processes around a container have no environment, folder or descriptor of the caller', { skip }, (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'secret'), 'x');
  const script = `exec 7<"$1/secret"; SECRET=1 $TSRUN --rm -v "$1:/v" probes sh -c '${loop}' & n=$!; ${wait}
    for p in /proc/[0-9]*; do
      test "$(tr '\\0' ' ' <$p/cmdline 2>/dev/null)" = "tsrun-init " || continue
      parent=$(cut -d" " -f4 $p/stat); test $parent = $n || test $(cut -d" " -f4 /proc/$parent/stat) = $n || continue
      grep -q "$1" /proc/$(cut -d" " -f4 $p/stat)/environ 2>/dev/null; echo "$(wc -c <$p/environ) $(readlink $p/cwd) $(ls $p/fd | wc -l)"
    done | sort -u; rm "$1/up"; wait`;
  assert.equal(tsrun(root, [dir], { shell: script }).stdout, '0 / 0\n');
});

test('X29 what a profile denies by an argument cannot be hidden in the upper half of a register', { skip }, (t) => {
  const profile = join(tempDir(t), 'profile.json');
  const rule = { names: ['personality'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 8 }] };
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
  const flags = ['--rm', '--security-opt', `seccomp=${profile}`, 'probes'];
  const { stdout, stderr } = tsrun(root, [...flags, 'sh', '-c', '/probe i386 | grep -E "personality|gate"']);
  assert.match(stdout, /^(no such gate|personality 8 EPERM\n.*\npersonality 8 and more above EPERM)\n$/, stderr);
});

test('X30 X51 C11 what is refused before anything is made', { skip }, (t) => {
  const dir = tempDir(t);
  const profile = (text: string): string => {
    const path = join(dir, `profile-${text.length}`);
    writeFileSync(path, text);
    return `seccomp=${path}`;
  };
  for (const flags of [
    ['--security-opt', profile('{')],
    ['--security-opt', profile('{"defaultAction":"SCMP_ACT_NONSENSE"}')],
    ['--security-opt', `seccomp=${dir}/missing`],
    ['--sysctl', 'kernel.core_pattern=x'],
    ['--sysctl', 'kernel.hostname=x'],
    ['--sysctl', '../x=1'],
    ['--network', 'host', '--sysctl', 'net.ipv4.ip_forward=1'],
    ...['../x', 'a/b', '.x', '-x', 'x'.repeat(300)].map((name) => ['--name', name]),
  ])
    assert.equal(tsrun(root, ['--rm', ...flags, 'probes', 'true']).status, 125, flags.join(' '));
  const lenient = profile(
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["no_such_call","chmod"],"action":"SCMP_ACT_ERRNO"}]}',
  );
  const { stdout, stderr } = tsrun(root, [
    '--rm',
    '--security-opt',
    lenient,
    'probes',
    'sh',
    '-c',
    'chmod 700 /bin; mkdir /x && echo made',
  ]);
  assert.equal(stdout, 'made\n');
  assert.match(stderr, /Operation not permitted/);
});
