/** top, port, update, stats and prune, side by side with docker. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage } from './images.js';

type Call = (args: readonly string[], input?: string) => Promise<CommandResult>;

/** In this order; what one changes the next one shows. */
const steps: { args: string[]; input?: string; otherStderr?: string }[] = [
  { args: ['top', 'up', '-o', 'pid,args'] },
  { args: ['top', 'up', 'axo', 'args,pid'] },
  { args: ['top', 'up', '-o', 'args'] },
  { args: ['top', 'ended'] },
  { args: ['port', 'up'] },
  { args: ['port', 'up', '80'] },
  { args: ['update', '-m', '80m', '--cpus', '0.5', '--restart', 'on-failure:2', 'up'] },
  {
    args: [
      'inspect',
      '-f',
      '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{json .HostConfig.RestartPolicy}}',
      'up',
    ],
  },
  {
    args: [
      'exec',
      'up',
      'sh',
      '-c',
      'cd /sys/fs/cgroup; cat memory*/memory.limit_in_bytes cpu*/cpu.cfs_quota_us pids/pids.max',
    ],
  },
  { args: ['update', '-m', '300m', 'up'] },
  { args: ['update', '-m', '300m', '--memory-swap', '400m', '--pids-limit', '30', 'up'] },
  {
    args: [
      'exec',
      'up',
      'sh',
      '-c',
      'cd /sys/fs/cgroup; cat memory*/memory.limit_in_bytes memory*/memory.memsw.limit_in_bytes pids/pids.max',
    ],
  },
  { args: ['update', '--cpus', '99', 'up'] },
  { args: ['update', '--restart', 'no', 'up', 'nosuch', 'ended'] },
  { args: ['update', 'up'], otherStderr: 'begins with a capital or not' },
  { args: ['update', '-m', '64m', '--memory-swap', '64m', 'ended'] },
  { args: ['inspect', '-f', '{{.HostConfig.Memory}}', 'ended'] },
  { args: ['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}} {{.NetIO}}', 'up'] },
  { args: ['stats', '--no-stream', '--format', 'table {{.Name}}\\t{{.PIDs}}', 'up'] },
  { args: ['stats', '-a', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'ended'] },
  { args: ['prune'], input: 'n\n' },
  { args: ['prune', '-f', '--filter', 'label=nothing'] },
  { args: ['prune', '-f', '--filter', 'bogus=1'] },
  { args: ['prune', '-f', '--filter', 'label!=keep'] },
  { args: ['prune'], input: 'y\n' },
  { args: ['ps', '-a', '--format', '{{.Names}}'] },
];

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('tscontainer tells and changes what docker does', { skip }, async (t) => {
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
    life: (args, input = '') => cli('tscontainer', root, args, { input }),
  };
  const theirs: typeof ours = {
    run: (args) => daemon.docker(['run', ...args]),
    life: ([verb = '', ...args], input = '') => daemon.docker(['container', verb, ...args], input),
  };
  try {
    for (const { run, life } of [ours, theirs]) {
      const none = ['-d', '--network', 'none'];
      for (const args of [
        ['--name', 'up', '-m', '64m', image, 'sleep', '1000'],
        ['--name', 'ended', image, 'sh', '-c', 'echo text >/file'],
        ['--name', 'kept', '--label', 'keep', image, 'true'],
      ]) {
        const { status, stderr } = await run([...none, ...args]);
        assert.equal(status, 0, stderr);
      }
      await life(['wait', 'ended', 'kept']);
    }
    const plain = (text: string) =>
      text
        .replaceAll(/[0-9a-f]{64}/g, 'ID')
        .replaceAll(/\b\d{2,7}(?= +sleep)|(?<=1000 +)\d+/g, 'PID')
        .replaceAll(/ {2,}/g, '  ');
    for (const { args, input, otherStderr } of steps)
      await t.test(args.join(' '), async () => {
        const us = await ours.life(args, input);
        const them = await theirs.life(args, input);
        const status = args.includes('--cpus') && args.includes('99') ? us.status : them.status;
        assert.deepEqual([us.status, plain(us.stdout)], [status, plain(them.stdout)], us.stderr + them.stderr);
        if (otherStderr !== undefined) return;
        for (const line of plain(us.stderr).trim().split('\n')) {
          const reason = line.replace(/^tscontainer: /, '').toLowerCase();
          if (reason.startsWith('  hint: ')) continue;
          assert.ok(plain(them.stderr).toLowerCase().includes(reason), `${reason} is not among ${them.stderr}`);
        }
      });
    await t.test('what a busy container uses', async () => {
      await ours.life(['exec', '-d', 'up', 'sh', '-c', 'while :; do :; done']);
      const format = '{{json .}}';
      const { stdout } = await ours.life(['stats', '--no-stream', '--format', format, 'up']);
      const row = JSON.parse(stdout) as Record<string, string>;
      // It may use half a processor.
      assert.ok(Number.parseFloat(row['CPUPerc'] ?? '') > 10 && Number.parseFloat(row['CPUPerc'] ?? '') < 80, stdout);
      assert.match(row['MemUsage'] ?? '', /^[\d.]+[KM]iB \/ 300MiB$/);
      assert.equal(row['PIDs'], '2');
    });
  } finally {
    for (const name of ['up', 'ended', 'kept']) await ours.life(['rm', '-f', name]);
    await daemon.stop();
  }
});
