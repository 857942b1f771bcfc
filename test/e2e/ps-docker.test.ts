/** The same questions about the same containers to docker and tscontainer: listings, filters, formats, inspect. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage } from './images.js';

type Call = (args: readonly string[]) => Promise<CommandResult>;

/** `up` runs, `held` is paused, `made` never ran, `gone` ended with 3. */
const containers: [name: string, flags: string[], command: string[]][] = [
  ['gone', ['--label', 'a=1'], ['sh', '-c', 'echo data >/file; exit 3']],
  [
    'up',
    ['--label', 'a=2', '--label', 'b', '-v', '/etc:/host:ro', '-e', 'A=b', '-w', '/tmp', '-u', '1000'],
    ['sleep', '1000'],
  ],
  [
    'held',
    ['--network', 'host', '--restart', 'on-failure:4', '-m', '64m', '--pids-limit', '50'],
    ['sleep', 'infinity'],
  ],
];
const created: typeof containers = [
  ['made', ['--entrypoint', 'echo', '--cap-add', 'NET_ADMIN', '--tmpfs', '/t'], ['a b', 'c']],
];

/** Arguments of `ps`; ids are shown as names, ages are left out. */
const listings: string[][] = [
  [],
  ['-a'],
  ['-q'],
  ['-l'],
  ['-n', '2'],
  ['-n', '-1'],
  ['-a', '-s'],
  ['-a', '--no-trunc'],
  ['-a', '--filter', 'name=^g'],
  ['-a', '--filter', 'name=e'],
  ['-a', '-f', 'label=a'],
  ['-a', '-f', 'label=a=2', '-f', 'label=b'],
  ['-f', 'status=exited'],
  ['-f', 'status=created', '-f', 'status=paused'],
  ['-a', '-f', 'exited=3'],
  ['-f', 'exited=3'],
  ['-a', '-f', 'before=up'],
  ['-a', '-f', 'since=up'],
  ['-a', '-f', 'network=host'],
  ['-a', '-f', 'network=none'],
  ['-a', '-f', 'volume=/host'],
  ['-a', '-f', 'ancestor=IMAGE'],
  ['-a', '-f', 'ancestor=nosuch'],
  ['-a', '-f', 'health=none'],
  [
    '-a',
    '--format',
    '{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}|{{.Ports}}|{{.LocalVolumes}}',
  ],
  ['-a', '--format', 'table {{.Names}}\\t{{.State}}'],
  ['-a', '--format', 'table {{.ID}}\\t{{.CreatedAt}}\\t{{.Status}}'],
  ['--filter', 'bogus=1'],
  ['--filter', 'status=bogus'],
  ['--format', '{{.NoSuch}}'],
];

const formats = [
  '{{.Name}} {{.Path}} {{json .Args}} {{.Image}} {{.RestartCount}} {{.Driver}} {{.Platform}}',
  '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.Restarting}} {{.State.ExitCode}} {{.State.Dead}} {{.State.OOMKilled}}',
  '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Env}} {{.Config.User}} {{.Config.WorkingDir}} {{.Config.Image}}',
  '{{json .Config.Labels}} {{.Config.Tty}} {{.Config.OpenStdin}}',
  '{{json .HostConfig.Binds}} {{json .HostConfig.RestartPolicy}} {{.HostConfig.NetworkMode}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}',
  '{{json .HostConfig.Tmpfs}} {{json .HostConfig.LogConfig}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}} {{.HostConfig.ShmSize}}',
  '{{json .Mounts}}',
  '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}} {{json .NetworkSettings.Ports}}',
  '{{range $key, $_ := .GraphDriver.Data}}{{$key}} {{end}}{{.GraphDriver.Name}}',
  '{{.NoSuch}}',
];

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('tscontainer shows what docker shows', { skip }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  const image = `${registry.host}/lib/busybox:1`;
  const root = join(tempDir(t), 'ours');
  const daemon = await startDockerd(t);
  const [pulled, loaded] = await Promise.all([
    cli('tspull', root, ['-q', image]),
    daemon.docker(['pull', '-q', image]),
  ]);
  assert.deepEqual([pulled.status, loaded.status], [0, 0], pulled.stderr + loaded.stderr);
  const ours: { run: Call; life: Call } = {
    run: (args) => cli('tsrun', root, args),
    life: (args) => cli('tscontainer', root, args),
  };
  const theirs: typeof ours = { run: (args) => daemon.docker(['run', ...args]), life: daemon.docker };
  const names = [...containers, ...created].map(([name]) => name);
  const normalizers: ((text: string) => string)[] = [];
  try {
    for (const { run, life } of [ours, theirs]) {
      for (const [name, flags, command] of [...containers, ...created]) {
        const network = flags.includes('--network') ? [] : ['--network', 'none'];
        const all = ['--name', name, ...network, ...flags, image, ...command];
        const { status, stderr } = await (name === 'made' ? life(['create', ...all]) : run(['-d', ...all]));
        assert.equal(status, 0, stderr);
      }
      await life(['wait', 'gone']);
      assert.equal((await life(['pause', 'held'])).status, 0);
      const ids = (await life(['ps', '-aq', '--no-trunc'])).stdout.trim().split('\n');
      normalizers.push((text) =>
        ids
          .reduce(
            (shown, id, index) => shown.replaceAll(id, `ID${index}`).replaceAll(id.slice(0, 12), `ID${index}`),
            text,
          )
          .replaceAll(image, 'IMAGE')
          .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC/g, 'TIME')
          .replaceAll(/(Less than a second|About a minute|\d+ seconds?|\d+ minutes?)( ago)?/g, 'AGE')
          .replaceAll(/ {2,}/g, '  ')
          // Docker prints labels in any order.
          .replaceAll('b=,a=2', 'a=2,b='),
      );
    }
    const ask = async (args: readonly string[]) => {
      const words = args.map((word) => word.replace('IMAGE', image));
      const [us, them] = await Promise.all([ours.life(words), theirs.life(words)]);
      const [normalizeOurs, normalizeTheirs] = normalizers;
      assert.ok(normalizeOurs && normalizeTheirs);
      return {
        us: { status: us.status, stdout: normalizeOurs(us.stdout) },
        them: { status: them.status, stdout: normalizeTheirs(them.stdout) },
        stderr: us.stderr + them.stderr,
      };
    };
    for (const args of listings)
      await t.test(`ps ${args.join(' ')}`, async () => {
        const { us, them, stderr } = await ask(['ps', ...args]);
        assert.deepEqual(us, them, stderr);
      });
    for (const format of formats)
      await t.test(`inspect -f ${format}`, async () => {
        const { us, them, stderr } = await ask(['inspect', '-f', format, ...names]);
        assert.deepEqual(us, them, stderr);
      });
    await t.test('the keys of the whole document', async () => {
      const documents = await Promise.all([ours, theirs].map(({ life }) => life(['inspect', '-s', 'up'])));
      const [us, them] = documents.map(({ stdout }) => keysOf(JSON.parse(stdout)[0]));
      assert.deepEqual(us, them);
    });
  } finally {
    for (const name of names) await ours.life(['rm', '-f', name]);
    await daemon.stop();
  }
});

/** Paths of all members; what a map has as keys is data. */
function keysOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || /\.(Labels|Data)$/.test(path))
    return [path];
  return Object.entries(value).flatMap(([key, item]) => keysOf(item, `${path}.${key}`));
}
