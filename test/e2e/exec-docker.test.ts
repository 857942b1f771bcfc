/** The same command lines through `docker exec` and `tscontainer exec`: status, standard output, and what goes wrong in which words. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage } from './images.js';

interface ExecCase {
  /** `FILE` stands for a file of variables. */
  args: string[];
  input?: string;
  /** Why standard error is not compared. */
  otherStderr?: string;
}

const show = (script: string, ...flags: string[]): ExecCase => ({ args: [...flags, 'c1', 'sh', '-c', script] });

const cases: ExecCase[] = [
  show('exit 7'),
  show('kill -9 $$'),
  show('echo out; echo err >&2'),
  show('id; pwd; echo $HOME'),
  show('id; echo $HOME', '-u', '1000'),
  show('id; echo $HOME', '-u', '4242:50'),
  show('id; echo $HOME', '-u', 'root:50'),
  show('pwd', '-w', '/etc'),
  show('env | grep -v SHLVL | sort'),
  show('env | grep -v SHLVL | sort', '-e', 'A=1', '-e', 'FROM_CALLER', '-e', 'NOT_SET', '--env-file', 'FILE'),
  show('env | grep -v SHLVL | sort', '-e', 'CREATED=exec', '-e', 'PATH=/bin'),
  show('env | grep -E "TERM|HOME"', '-t'),
  show('tty | cut -c1-9; test -t 0 && test -t 1 && test -t 2; echo $?', '-t'),
  show('echo seen >/dev/tty', '-t'),
  show('stat -c %u $(tty)', '-t', '-u', '1000'),
  show('grep -E "Cap|NoNewPrivs|Seccomp:|Groups" /proc/self/status'),
  show('grep -E "Cap(Eff|Prm|Bnd)" /proc/self/status', '-u', '1000'),
  show('cat /proc/self/cgroup | cut -d: -f3 | sort -u | wc -l'),
  show('ulimit -u; ulimit -c; umask'),
  show('cat /proc/self/oom_score_adj'),
  show('hostname; cat /etc/hostname; ls /'),
  show(
    'for n in mnt uts ipc net pid; do test $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) && echo $n; done',
  ),
  show('ls /proc/self/fd | wc -l'),
  show('mount -t tmpfs x /mnt 2>&1; echo $?'),
  { args: ['-i', 'c1', 'cat'], input: 'typed\n' },
  { args: ['c1', 'cat'], input: 'dropped\n' },
  { args: ['-i', 'c1', 'sh', '-c', 'read line; echo "$line"'], input: 'one\ntwo\n' },
  { args: ['c1', '/bin/echo', '-n', '--', '-x'] },
  { args: ['c1', 'nosuch'] },
  { args: ['c1', '/nosuch'] },
  { args: ['c1', '/etc/passwd'] },
  { args: ['c1', '/etc'] },
  { args: ['-w', '/missing', 'c1', 'pwd'], otherStderr: 'names another call' },
  { args: ['-w', 'relative', 'c1', 'pwd'], otherStderr: 'a sentence of ours' },
  { args: ['-u', 'nobody-here', 'c1', 'id'] },
  { args: ['-u', 'root:nogroup-here', 'c1', 'id'] },
  { args: ['nosuch', 'true'] },
  { args: ['stopped', 'true'] },
  { args: ['paused', 'true'] },
  { args: ['-it', 'c1', 'true'] },
  { args: ['-d', 'c1', 'true'] },
  { args: ['-d', 'c1', 'sh', '-c', 'exit 3'] },
  { args: ['-e', '=x', 'c1', 'true'], otherStderr: 'advice' },
  { args: ['--bogus', 'c1', 'true'], otherStderr: 'advice' },
  { args: ['--detach-keys', 'ctrl-', 'c1', 'true'], otherStderr: 'docker only looks at them for a terminal' },
  { args: ['c1'], otherStderr: 'usage' },
  { args: [], otherStderr: 'usage' },
];

const names = ['c1', 'paused', 'stopped'];

type Call = (args: readonly string[], input?: string) => Promise<CommandResult>;

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('tscontainer exec does what docker exec does', { skip, concurrency: 3 }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  const image = `${registry.host}/lib/busybox:1`;
  const dir = tempDir(t);
  const root = join(dir, 'ours');
  const file = join(dir, 'env');
  writeFileSync(file, 'FILE=file\nFROM_CALLER\n');
  const daemon = await startDockerd(t);
  const [pulled, loaded] = await Promise.all([
    cli('tspull', root, ['-q', image]),
    daemon.docker(['pull', '-q', image]),
  ]);
  assert.deepEqual([pulled.status, loaded.status], [0, 0], pulled.stderr + loaded.stderr);
  process.env['FROM_CALLER'] = 'yes';
  const ours: { run: Call; life: Call; exec: Call } = {
    run: (args) => cli('tsrun', root, args),
    life: (args) => cli('tscontainer', root, args),
    exec: (args, input = '') => cli('tscontainer', root, ['exec', ...args], { input }),
  };
  const theirs: typeof ours = {
    run: (args) => daemon.docker(['run', ...args]),
    life: daemon.docker,
    exec: (args, input = '') => daemon.docker(['exec', ...args], input),
  };
  try {
    for (const { run, life } of [ours, theirs]) {
      const flags = ['-d', '--network', 'none', '-h', 'host', '-e', 'CREATED=create', '--oom-score-adj', '77'];
      for (const name of names) {
        const { status, stderr } = await run([...flags, '--name', name, image, 'sleep', '1000']);
        assert.equal(status, 0, stderr);
      }
      assert.equal((await life(['pause', 'paused'])).status, 0);
      assert.equal((await life(['kill', 'stopped'])).status, 0);
      await life(['wait', 'stopped']);
    }
    const ids = (text: string) => text.replaceAll(/[0-9a-f]{64}/g, 'ID');
    const tests = cases.map((one) =>
      t.test(one.args.join(' ').slice(0, 150), async () => {
        const args = one.args.map((word) => (word === 'FILE' ? file : word));
        const [us, them] = await Promise.all([ours.exec(args, one.input), theirs.exec(args, one.input)]);
        // A failure of the command's start is written to standard output by docker, with a carriage return.
        const failed = them.status === 126 && them.stdout.endsWith('\r\n');
        const { status, stdout } = us;
        assert.deepEqual(
          { status, stdout },
          { status: them.status, stdout: failed ? '' : them.stdout },
          us.stderr + them.stderr,
        );
        if (one.otherStderr !== undefined) return;
        const reason = ids(us.stderr.replace(/^tscontainer: /, '').trim());
        const said = ids(`${them.stdout}${them.stderr}`)
          .replaceAll('\\"', '"')
          .replace(/: stat \S+: /, ': ');
        assert.ok(said.includes(reason), `"${reason}" is not among "${said}"`);
      }),
    );
    await Promise.all(tests);
  } finally {
    for (const name of names) await ours.life(['rm', '-f', name]);
    await daemon.stop();
  }
});
