/** The same command lines through `docker image` and `tsimage`, on one data root. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dockerArchive, tarOf } from '../support/docker-archive.js';
import { type CommandResult, type Dockerd, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const program = fileURLToPath(new URL('../../src/cli/tsimage.js', import.meta.url));
const tsimage = (root: string, args: readonly string[]): Promise<CommandResult> =>
  run(process.execPath, [program, '--root', root, ...args]);

const base = { architecture: 'amd64', os: 'linux' };
const richConfig = {
  ...base,
  created: '2020-01-02T03:04:05.678901234Z',
  author: 'Jo <jo@x.y> & co',
  container: 'deadbeef',
  docker_version: '20.10.1',
  container_config: { Hostname: 'abc', Cmd: ['x'], Image: 'sha256:123' },
  config: {
    Cmd: ['/bin/sh', '-c', 'echo "hi" <b> & done'],
    Env: ['PATH=/bin', 'X=1'],
    Labels: { a: '1', z: '<q>', foo: '' },
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    User: 'u:g',
    StopSignal: 'SIGINT',
    StopTimeout: 0,
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000, Retries: 3 },
    Shell: ['/bin/bash', '-c'],
    OnBuild: ['RUN x'],
    Entrypoint: ['/e'],
  },
  history: [
    { created: '2020-01-01T00:00:00Z', created_by: `ADD ${'long '.repeat(20)}`, comment: 'first' },
    { created: '2020-01-01T00:00:01Z', created_by: 'ENV A=ü\twide 漢字', empty_layer: true },
    { created: '2020-01-02T00:00:00Z', created_by: 'RUN <b> & "q"', author: 'me', comment: 'last' },
  ],
};

async function fill(docker: Dockerd): Promise<void> {
  const [a, b, c] = await Promise.all([
    tarOf({ a: 'x'.repeat(1234) }),
    tarOf({ b: 'y'.repeat(98_765), 'c/d': 'z' }),
    tarOf({ e: '' }),
  ]);
  const archive = await dockerArchive([
    { config: richConfig, layers: [a, b], tags: ['rich:1', 'rich:2'] },
    { config: { ...base, created: '2021-01-02T03:04:05Z', config: {} }, layers: [a], tags: ['one:latest'] },
    {
      config: { ...base, created: '2022-05-05T00:00:00.5+02:00', config: null, variant: 'v8', 'os.version': '1.2' },
      layers: [a, b, c],
      tags: ['127.0.0.1:5000/lib/three:x', 'moved:1'],
    },
    { config: { ...base, config: { Labels: { a: '2' } } }, layers: [c], tags: ['ageless:0'] },
    {
      config: { ...base, created: '2019-06-01T00:00:00Z', config: { Labels: { a: '1' } } },
      layers: [],
      tags: ['empty:v1'],
    },
    { config: { ...base, created: '2023-01-01T00:00:00Z', config: {} }, layers: [c, a], tags: ['dup/app:v1'] },
    {
      config: { ...base, created: '2023-03-01T00:00:00Z', config: {} },
      layers: [b, a],
      tags: ['dup/app:v1', 'moved:1'],
    },
  ]);
  const loaded = await docker.docker(['load'], archive);
  assert.equal(loaded.status, 0, loaded.stderr);
}

/** What a pull by digest or an earlier push would have left. */
function addDigests(root: string): void {
  const path = join(root, 'image/overlay2/repositories.json');
  const document = JSON.parse(readFileSync(path, 'utf8'));
  const add = (name: string, digit: string, id: string) => {
    document.Repositories[name] = { ...document.Repositories[name], [`${name}@sha256:${digit.repeat(64)}`]: id };
  };
  const rich = document.Repositories.rich['rich:1'];
  const one = document.Repositories.one['one:latest'];
  add('rich', '1', rich);
  add('rich', '2', rich);
  add('bydigest', '3', document.Repositories['dup/app']['dup/app:v1']);
  add('one', '4', one);
  writeFileSync(path, JSON.stringify(document));
}

const digest1 = `sha256:${'1'.repeat(64)}`;
const reading: string[] = [
  'ls',
  'list',
  'ls -a',
  'ls -q',
  'ls -q --no-trunc',
  'ls --digests',
  'ls --digests --no-trunc',
  'ls rich',
  'ls rich:2',
  'ls nosuch',
  'ls r*',
  'ls 127.0.0.1:5000/lib/three',
  'ls --filter dangling=true',
  'ls --filter dangling=false -q',
  'ls --filter dangling=x',
  'ls --filter label=a',
  'ls --filter label=a=1',
  'ls --filter label=a=1 --filter label=foo',
  'ls --filter before=rich:1',
  'ls --filter since=one',
  'ls --filter since=one --filter before=dup/app:v1',
  'ls --filter before=nosuch',
  'ls --filter reference=*:1',
  'ls --filter reference=*/*',
  'ls --filter reference=[',
  'ls --filter reference=[a-o]*',
  'ls --filter nosuch=1',
  'ls --filter x',
  'ls --format json',
  'ls --format raw',
  'ls --format table',
  'ls --format {{json .}}',
  'ls --format table {{.ID}}\\t{{.Repository}}:{{.Tag}}\\t{{.Size}}',
  'ls --format table {{.Repository}}\\t{{upper .Tag}}\\t{{.Digest}}',
  'ls --format {{.Repository}}:{{.Tag}}|{{.CreatedAt}}|{{.CreatedSince}}|{{.VirtualSize}}|{{.UniqueSize}}',
  'ls --format {{.NoSuch}}',
  'ls --format {{.ID',
  'ls --bogus',
  'ls a b',
  'inspect rich:1',
  'inspect rich one empty:v1 ageless:0 dup/app:v1',
  'inspect 127.0.0.1:5000/lib/three:x',
  `inspect rich@${digest1}`,
  `inspect rich:nosuch@${digest1}`,
  'inspect docker.io/library/rich:2',
  'inspect rich nosuch',
  'inspect nosuch:tag',
  'inspect',
  'inspect --format json rich one',
  'inspect -f {{.Id}} rich one',
  'inspect -f {{.Id}} rich nosuch',
  'inspect -f {{json .Config}} rich',
  'inspect -f {{json .}} one',
  'inspect -f {{.RepoTags}}{{.RepoDigests}}{{.GraphDriver}}{{.RootFS}} rich',
  'inspect -f {{.Config.Hostname}}x{{.NoSuch}} rich',
  'inspect -f {{.Id rich',
  'inspect -f {{.Created}}|{{.Size}}|{{.Metadata.LastTagTime}} rich one empty:v1',
  'history rich:1',
  'history --no-trunc rich:1',
  'history -q rich:1',
  'history --human=false rich:1',
  'history --format json rich:1',
  'history --format {{.ID}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}} rich:1',
  'history one',
  'history nosuch',
  'history',
  'tag one',
  'rm',
];

/** Flags are separated by blanks, but a format is one argument, up to the image behind it. */
function words(line: string): string[] {
  const [command = '', ...rest] = line.split(' ');
  const at = rest.findIndex((word) => word === '--format' || word === '-f');
  if (at === -1 || !rest[at + 1]?.match(/^(table$|\{\{)/)) return [command, ...rest];
  const tail = rest.slice(at + 1);
  if (command === 'ls') return [command, ...rest.slice(0, at + 1), tail.join(' ')];
  const end = tail.findLastIndex((word) => word.endsWith('}}') || word === '{{.Id');
  return [command, ...rest.slice(0, at + 1), tail.slice(0, end + 1).join(' '), ...tail.slice(end + 1)];
}

/** Docker shows the repositories of one image in random order. */
function comparable(line: string, { stdout, status }: CommandResult): unknown {
  return { status, stdout: line.startsWith('ls') || line.startsWith('list') ? stdout.split('\n').sort() : stdout };
}

/** The same failure in both programs' words; the usage that may follow names the programs. */
function failure({ stderr }: CommandResult): string[] {
  const [text = ''] = stderr.split('\n\n');
  return text
    .replaceAll(/^(?:Error response from daemon: |docker: |tsimage: )/gm, '')
    .replaceAll(/docker image|tsimage/g, 'PROGRAM')
    .toLowerCase()
    .trim()
    .split('\n')
    .filter((part) => !part.startsWith('  hint:'));
}

async function compare(line: string, docker: Dockerd, root: string): Promise<void> {
  const args = words(line);
  const [theirs, ours] = await Promise.all([docker.docker(['image', ...args]), tsimage(root, args)]);
  assert.deepEqual(comparable(line, ours), comparable(line, theirs), `${line}\n${ours.stderr}${theirs.stderr}`);
  assert.deepEqual(failure(ours), failure(theirs), line);
}

const changing: string[] = [
  'tag one two:x',
  'tag rich:1 127.0.0.1:5000/again',
  'tag one BAD',
  'tag nosuch x',
  `tag one x@${digest1}`,
  'tag one sha256:abc',
  'rm nosuch',
  'rm -f nosuch',
  'rm moved:1 nosuch two:x',
  'rm used:1',
  'rm child:1',
  'rm RICH',
  'rm PARENT',
  'rm -f RICH',
  `rm bydigest@sha256:${'3'.repeat(64)}`,
  'rm dup/app:v1',
  'rm one',
  'rm -f used:1',
  'rm ageless',
  'rm --no-prune empty:v1',
  'rm -f 127.0.0.1:5000/lib/three:x',
];

/** Everything that names images and layers: files of the image part of a data root. */
function imageState(root: string): Record<string, unknown> {
  const dir = (path: string) => readdirSync(join(root, 'image/overlay2', path)).sort();
  return {
    names: JSON.parse(readFileSync(join(root, 'image/overlay2/repositories.json'), 'utf8')),
    images: dir('imagedb/content/sha256'),
    metadata: dir('imagedb/metadata/sha256'),
    layers: dir('layerdb/sha256'),
    directories: readdirSync(join(root, 'overlay2')).sort(),
    links: readdirSync(join(root, 'overlay2/l')).sort(),
  };
}

test('tsimage does what docker image does', { skip: missing(...dockerdNeeds) }, async (t) => {
  const dir = tempDir(t);
  const root = join(dir, 'data');
  const first = await startDockerd(t, { root });
  await fill(first);
  await first.stop();
  addDigests(root);

  const reader = await startDockerd(t, { root });
  await t.test(`${reading.length} command lines that read`, async () => {
    const queue = [...reading];
    const worker = async () => {
      for (let line = queue.shift(); line !== undefined; line = queue.shift()) await compare(line, reader, root);
    };
    await Promise.all([worker(), worker(), worker()]);
  });

  const copy = join(dir, 'copy');
  await t.test('images that were imported, committed and used', async () => {
    const tar = await tarOf({ f: 'f' });
    await reader.docker(['import', '-m', 'imported <msg>', '-c', 'LABEL q=1', '-', 'used:1'], tar);
    assert.equal((await reader.docker(['create', '--network=none', 'used:1', '/x'])).status, 0);
    await reader.docker(['create', '--network=none', '--name', 'base', 'one', '/x']);
    await reader.docker(['commit', 'base', 'child:1']);
    await reader.docker(['rm', 'base']);
    await compare('inspect used:1 child:1 one', reader, root);
    await compare('inspect -f {{.Metadata.LastTagTime}}{{.Parent}} used:1', reader, root);
    await compare('history -q child:1', reader, root);
  });

  await reader.stop();
  // Plain files, devices and links alike.
  assert.equal((await run('cp', ['-a', root, copy])).status, 0);
  const writer = await startDockerd(t, { root });
  const idOf = async (name: string) => (await writer.docker(['image', 'inspect', '-f', '{{.Id}}', name])).stdout.trim();
  const ids = { RICH: (await idOf('rich:1')).slice(7, 19), PARENT: (await idOf('one')).slice(7, 19) };
  await t.test(`${changing.length} command lines that write`, async () => {
    for (const line of changing) {
      const args = line.split(' ').map((word) => ids[word as keyof typeof ids] ?? word);
      const [theirs, ours] = await Promise.all([writer.docker(['image', ...args]), tsimage(copy, args)]);
      assert.deepEqual(
        { status: ours.status, stdout: ours.stdout, stderr: failure(ours) },
        { status: theirs.status, stdout: theirs.stdout, stderr: failure(theirs) },
        line,
      );
    }
  });
  const theirs = await writer.docker(['images', '-a', '--digests', '--no-trunc']);
  await writer.stop();

  await t.test('both roots are in the same state, and dockerd works on ours', async () => {
    assert.deepEqual(imageState(copy), imageState(root));
    const checker = await startDockerd(t, { root: copy });
    const listed = await checker.docker(['images', '-a', '--digests', '--no-trunc']);
    assert.deepEqual(listed.stdout.split('\n').sort(), theirs.stdout.split('\n').sort());
    await compare('ls -a --digests', checker, copy);
    assert.equal((await checker.docker(['load'], await dockerArchive([]))).stderr, '');
    const busy = await tsimage(copy, ['tag', 'child:1', 'x']);
    assert.equal(busy.status, 1);
    assert.match(busy.stderr, /docker daemon is running/i);
    await checker.stop();
  });
});
