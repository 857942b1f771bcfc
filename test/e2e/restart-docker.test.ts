/** After a power cut, and after a shutdown in good order, the containers run again that dockerd would bring back. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../../store/errors.js';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

const sleep = ['bb', 'sh', '-c', 'trap "exit 0" TERM; for i in $(seq 1000); do sleep 0.1; done'];
const deaf = ['bb', 'sleep', '100'];

/** How each container is made, and what is done to it afterwards. */
const scenes: { name: string; flags: string[]; command?: string[]; after?: string[][] }[] = [
  ...['always', 'unless-stopped', 'on-failure'].flatMap((policy) => {
    const flags = ['--restart', policy];
    return [
      { name: `${policy}-runs`, flags },
      { name: `${policy}-deaf`, flags, command: deaf },
      { name: `${policy}-stopped`, flags, after: [['stop', `${policy}-stopped`]] },
      { name: `${policy}-stopped-hard`, flags, command: deaf, after: [['stop', '-t', '0', `${policy}-stopped-hard`]] },
      { name: `${policy}-killed`, flags, after: [['kill', `${policy}-killed`]] },
      { name: `${policy}-paused`, flags, after: [['pause', `${policy}-paused`]] },
    ];
  }),
  { name: 'none-runs', flags: [] },
  { name: 'failure-ended-well', flags: ['--restart', 'on-failure'], command: ['bb', 'true'] },
  { name: 'failure-used-up', flags: ['--restart', 'on-failure:1'], command: ['bb', 'sh', '-c', 'exit 4'] },
  { name: 'updated', flags: [], after: [['update', '--restart', 'always', 'updated']] },
  { name: 'thrown-away', flags: ['--rm'] },
];
const neverStarted = ['create', '--restart', 'always', '--network', 'none', '--name', 'never', ...sleep];

function pidsWhere(isWanted: (line: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return isWanted(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '));
      } catch (error) {
        if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
        return false;
      }
    })
    .map(Number);
}

function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}

/** What is frozen cannot be killed; the power takes that along as well. */
function thaw(pid: number): void {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
  const freezer = /^\d+:freezer:(.*)$/m.exec(groups)?.[1];
  if (freezer !== undefined) writeFileSync(`/sys/fs/cgroup/freezer${freezer}/freezer.state`, 'THAWED');
  const unified = /^0::(\/.+)$/m.exec(groups)?.[1];
  const state = `/sys/fs/cgroup${unified}/cgroup.freeze`;
  if (unified !== undefined && existsSync(state)) writeFileSync(state, '0');
}

test('the containers that dockerd brings back, after a power cut and after a shutdown', {
  skip,
  timeout: 240_000,
}, async (t) => {
  let daemon = await startDockerd(t);
  const root = join(tempDir(t), 'ours');
  t.after(() => killAll(pidsWhere((line) => line.startsWith('tspull-supervisor') && line.includes(root))));
  await importImage(daemon, root, 'bb', busyboxIn(tempDir(t)));
  const ours = (...args: string[]) => cli('tscontainer', root, args);
  const ok = async (...args: string[]): Promise<void> => {
    const { status, stderr } = await ours(...args);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  };
  const both = async (args: string[]): Promise<void> => {
    const [first, ...rest] = args;
    const [a, b] = await Promise.all([daemon.docker(args), first === 'run' ? cli('tsrun', root, rest) : ours(...args)]);
    assert.equal(b.status, a.status, `${args.join(' ')}\n${a.stderr}${b.stderr}`);
  };
  const make = async ({ name, flags, command = sleep, after = [] }: (typeof scenes)[number]): Promise<void> => {
    await both(['run', '-d', '--network', 'none', '--name', name, ...flags, ...command]);
    if (name === 'failure-used-up') await both(['wait', name]);
    for (const args of after) await both(args);
  };
  try {
    for (let at = 0; at < scenes.length; at += 4) await Promise.all(scenes.slice(at, at + 4).map(make));
    await both(neverStarted);
    const question = ['ps', '-a', '--format', '{{.Names}} {{.State}}'];
    const states = async (side: 'docker' | 'ours'): Promise<string[]> => {
      const { stdout } = side === 'docker' ? await daemon.docker(question) : await ours(...question);
      return stdout.trim().split('\n').sort();
    };
    /** dockerd does it after it has begun to answer. */
    const compare = async (when: string): Promise<string[]> => {
      let [theirs, own] = [await states('docker'), await states('ours')];
      for (let tries = 0; tries < 30 && theirs.join() !== own.join(); tries++) {
        await delay(500);
        [theirs, own] = [await states('docker'), await states('ours')];
      }
      assert.deepEqual(own, theirs, when);
      return own;
    };
    await compare('before');

    const containers = (await daemon.docker(['inspect', '-f', '{{.State.Pid}}', ...(await ids(daemon.docker))])).stdout;
    const home = dirname(daemon.host.slice('unix://'.length));
    await daemon.kill();
    killAll(pidsWhere((line) => line.includes(`${home}/exec`)));
    const pids = containers
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
    for (const pid of pids) thaw(pid);
    killAll(pids);
    killAll(pidsWhere((line) => line.startsWith('tspull-supervisor') && line.includes(root)));
    daemon = await startDockerd(t, { root: daemon.root });
    await ok('start', '--all-restartable');
    const after = await compare('after a power cut');
    assert.ok(
      after.includes('always-stopped running') && after.includes('unless-stopped-stopped exited'),
      after.join(),
    );

    await daemon.stop();
    await ok('stop', '--all-restartable', '-t', '1');
    assert.ok((await states('ours')).every((line) => !/^(always|unless|on-failure).* running$/.test(line)));
    daemon = await startDockerd(t, { root: daemon.root });
    await ok('start', '--all-restartable');
    await compare('after a shutdown');
  } finally {
    // Those that are paused would outlive everything else.
    await daemon.docker(['rm', '-f', ...(await ids(daemon.docker))]);
    await ours('rm', '-f', ...(await ours('ps', '-aq')).stdout.trim().split('\n'));
  }
  assert.equal((await ours('ps', '-aq')).stdout, '');
});

async function ids(docker: Awaited<ReturnType<typeof startDockerd>>['docker']): Promise<string[]> {
  return (await docker(['ps', '-aq'])).stdout.trim().split('\n');
}
