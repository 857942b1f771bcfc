/** The bundle that `--runtime` hands over, field by field against the one that dockerd writes for the same flags. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Dockerd, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { configProblems, schemaMissing } from '../support/runtime-schema.js';
import { tsrun, tsrunAsync } from '../support/tsrun.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Document = { [key: string]: Json };

const flagSets = [
  [],
  ['-u', 'alice', '--cap-drop', 'CHOWN', '--cap-add', 'NET_ADMIN', '--group-add', '77'],
  [
    '-m',
    '64m',
    '--memory-reservation',
    '32m',
    '--cpus',
    '0.5',
    '--pids-limit',
    '40',
    '--cpuset-cpus',
    '0',
    '-c',
    '512',
  ],
  ['--cpu-quota', '20000', '--cpu-period', '50000', '--cpuset-mems', '0', '--memory-swappiness', '5', '-m', '32m'],
  ['--device-read-bps', '/dev/vda:1mb', '--device-write-iops', '/dev/vda:50'],
  ['-v', '/usr:/v:ro', '-v', '/opt:/o', '--tmpfs', '/t:size=1m,mode=700', '--tmpfs', '/x:exec', '--read-only'],
  ['--mount', 'type=bind,src=/usr,dst=/m,bind-nonrecursive,readonly', '--shm-size', '1m'],
  [
    '--device',
    '/dev/null:/dev/extra:r',
    '--device-cgroup-rule',
    'c 42:* rmw',
    '--ulimit',
    'core=0:5',
    '--oom-score-adj',
    '9',
  ],
  ['--sysctl', 'kernel.msgmax=1234', '--sysctl', 'net.ipv4.ip_forward=1', '-w', '/some/where', '-e', 'A=b'],
  ['--security-opt', 'no-new-privileges', '--security-opt', 'systempaths=unconfined', '-h', 'box', '--init=false'],
  ['--security-opt', 'seccomp=unconfined', '--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE'],
  ['--network', 'host', '--uts', 'host'],
  ['--pid', 'host', '--ipc', 'host'],
];

/** Fields that differ on purpose, and why. */
const notes: Record<string, string> = {
  ociVersion: 'a version under development of the specification there, the release here',
  hooks: 'its network is made by a hook, ours by nobody',
  'root.path': 'the root is mounted at the bundle, where only the runtime sees it',
  'linux.cgroupsPath': 'each has its own parent',
  'linux.maskedPaths': 'the list of newer versions, which is longer',
  'linux.seccomp.syscalls': 'the policy of newer versions, test/src/run/seccomp compares what it decides',
  'linux.seccomp.defaultErrnoRet': 'said here, implied there',
  'process.rlimits.RLIMIT_NOFILE':
    'the daemon leaves its own to the container; Node raised ours, so the usual one is set',
  'linux.namespaces.cgroup': 'private here on every machine, as dockerd does with cgroup v2',
  'linux.resources.blockIO.weight': '0 there for none',
  'linux.resources.cpu.shares': '0 there for none',
};

/** Places of a config and what may not be there. */
const faults: readonly (readonly [path: string, value: Json])[] = [
  ['ociVersion', 1],
  ['root.path', null],
  ['process.args', 'true'],
  ['process.env', ['A=b', 5]],
  ['process.user.uid', -1],
  ['process.capabilities.bounding', 'CAP_CHOWN'],
  ['process.rlimits', [{ type: 'RLIMIT_NOFILE', hard: 'many', soft: 1 }]],
  ['mounts', [{ source: '/x' }]],
  ['hostname', 7],
  ['linux.namespaces', [{ type: 'time-and-space' }]],
  ['linux.seccomp.defaultAction', 'SCMP_ACT_MAYBE'],
  ['linux.seccomp.syscalls', [{ names: [], action: 'SCMP_ACT_ALLOW' }]],
  ['linux.maskedPaths', '/proc/kcore'],
  ['linux.resources.devices', [{ allow: 'yes' }]],
];

/** Objects with their keys in order, for JSON.stringify. */
const sorted = (_: string, value: Json): Json =>
  isRecord(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;

const isRecord = (value: Json | undefined): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists whose order means nothing become tables by what names their items. */
const keys: Record<string, string> = { mounts: 'destination', rlimits: 'type', namespaces: 'type', devices: 'path' };

function flatten(value: Json | undefined, path: string, into: Map<string, string>): Map<string, string> {
  const key = keys[path.split('.').at(-1) ?? ''];
  if (isRecord(value))
    for (const [name, item] of Object.entries(value)) flatten(item, path === '' ? name : `${path}.${name}`, into);
  else if (
    Array.isArray(value) &&
    key !== undefined &&
    value.every((item) => isRecord(item) && typeof item[key] === 'string')
  )
    for (const item of value as Document[]) flatten(item, `${path}.${String(item[key])}`, into);
  else if (Array.isArray(value) && !/\.(args|devices)$/.test(path))
    into.set(path, JSON.stringify(value.map((item) => JSON.stringify(item)).sort()));
  else into.set(path, JSON.stringify(value, sorted));
  return into;
}

/** What differs, without the ids and the folders of the two sides. */
function differences(ours: Document, theirs: Document): string[] {
  const mine = flatten(ours, '', new Map());
  const other = flatten(theirs, '', new Map());
  return [...new Set([...mine.keys(), ...other.keys()])]
    .filter((path) => mine.get(path) !== other.get(path))
    .filter((path) => !Object.keys(notes).some((note) => path === note || path.startsWith(`${note}.`)))
    .map((path) => `${path}: ${mine.get(path)} instead of ${other.get(path)}`);
}

async function dockerConfig(daemon: Dockerd, home: string, flags: readonly string[]): Promise<Document> {
  const network = flags.includes('--network') ? [] : ['--network', 'none'];
  // Created and not started: some of these this machine's runtime cannot start.
  const { stdout, stderr } = await daemon.docker(['run', '-d', ...network, ...flags, 'bb', 'sleep', '600']);
  const id = stdout.trim();
  assert.match(id, /^[0-9a-f]{64}$/, stderr);
  const path = join(home, 'exec/containerd/daemon/io.containerd.runtime.v2.task/moby', id, 'config.json');
  const text = readFileSync(path, 'utf8');
  await daemon.docker(['rm', '-f', id]);
  return parse(text, id);
}

let count = 0;

async function ourConfig(root: string, flags: readonly string[]): Promise<Document> {
  const name = `bundle${count++}`;
  const child = tsrunAsync(root, ['--rm', '--name', name, '--runtime', 'runc', ...flags, 'bb', 'sleep', '600']);
  const folder = join(root, 'tspull/containers');
  let text = '';
  let id = '';
  const ended = child.ended.then(({ stderr }) => assert.fail(stderr));
  for (const end = Date.now() + 20_000; text === '' && Date.now() < end; await Promise.race([pause(), ended])) {
    id = readable(join(root, 'tspull/names')).includes(name) ? readlinkSync(join(root, 'tspull/names', name)) : '';
    if (id !== '' && readable(join(folder, id)).includes('runtime'))
      text = readFileSync(join(folder, id, 'config.json'), 'utf8');
  }
  ended.catch(() => undefined);
  child.kill('SIGKILL');
  await child.ended;
  return parse(text, id);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const readable = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

function parse(text: string, id: string): Document {
  const general = text.replaceAll(id, 'ID').replaceAll(id.slice(0, 12), 'SHORT');
  // That daemon's ALL leaves capabilities out that are newer than itself.
  const config: Document = JSON.parse(general.replaceAll(/,\s*"CAP_(BPF|PERFMON|CHECKPOINT_RESTORE)"/g, ''));
  // The host's network is a file there, and just not named here.
  const { linux } = config as { linux: { namespaces: Document[] } };
  linux.namespaces = linux.namespaces.filter(({ path }) => !String(path).endsWith('/netns/default'));
  for (const mount of config['mounts'] as Document[])
    if (String(mount['destination']).startsWith('/etc/')) mount['source'] = 'its own file';
  return config;
}

test('the bundle is that of dockerd', { skip: missing(...dockerdNeeds, 'busybox', 'runc') }, async (t) => {
  const roots = [layerRoot(t), layerRoot(t)] as const;
  for (const root of roots) addImage(root, [busybox], {}, 'bb');
  const daemon = await startDockerd(t, { root: roots[1] });
  const home = dirname(daemon.host.replace('unix://', ''));
  const written: { flags: string; ours: Document; theirs: Document }[] = [];
  for (const flags of flagSets)
    await t.test(flags.join(' ') || 'no flags', async () => {
      const [ours, theirs] = await Promise.all([ourConfig(roots[0], flags), dockerConfig(daemon, home, flags)]);
      written.push({ flags: flags.join(' '), ours, theirs });
      assert.deepEqual(differences(ours, theirs), []);
    });
  await t.test('all of them are what the schema of the specification wants', { skip: schemaMissing() }, () => {
    const problems = configProblems();
    assert.equal(written.length, flagSets.length);
    for (const { flags, ours, theirs } of written) {
      assert.deepEqual(problems(theirs), [], `dockerd's: ${flags}`);
      assert.deepEqual(problems(ours), [], flags);
    }
    // That it would notice: one thing wrong in each of many places.
    for (const [path, value] of faults) {
      const broken = structuredClone(written[0]?.ours ?? {});
      const [last = '', ...above] = path.split('.').reverse();
      const place = above.reverse().reduce<Json | undefined>((at, key) => (isRecord(at) ? at[key] : undefined), broken);
      assert.ok(isRecord(place), path);
      place[last] = value;
      assert.notDeepEqual(problems(broken), [], path);
    }
  });
  // What was killed is swept by the next one.
  assert.equal(tsrun(roots[0], ['--rm', '--runtime', 'runc', 'bb', 'true']).status, 0);
  assert.deepEqual(readdirSync(join(roots[0], 'tspull/containers')), []);
  await daemon.stop();
});
