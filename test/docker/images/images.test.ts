/** `tsimage` does what `docker image` does: the tables beside this file, in their order, on roots that begin empty. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { dockerArchive, tarOf } from '../../support/docker-archive.js';
import { dockerdNeeds, startDockerd } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { startDockerRegistry } from '../../support/real-registry.js';
import { checkStore } from '../../support/store-state.js';
import { tempDir } from '../../support/temp.js';
import { loading, saving } from './archive-cases.js';
import { type Case, compare, makeFolders, type Sides } from './both.js';
import { importing, naming, pruning, pushing } from './change-cases.js';
import { documents, listing } from './view-cases.js';

const stories: [name: string, cases: readonly Case[]][] = [
  ['load', loading],
  ['ls', listing],
  ['inspect and history', documents],
  ['save', saving],
  ['import', importing],
  ['push', pushing],
  ['tag and rm', naming],
  ['prune', pruning],
];

const base = { architecture: 'amd64', os: 'linux' };

async function writeFiles(folder: string): Promise<void> {
  const [a, b, c] = [
    await tarOf({ a: 'x'.repeat(1234) }),
    await tarOf({ b: 'y'.repeat(98_765) }),
    await tarOf({ e: '' }),
  ];
  const rich = {
    ...base,
    created: '2020-01-02T03:04:05.678901234Z',
    author: 'Jo <jo@x.y>',
    comment: 'a <comment> & more',
    config: {
      Cmd: ['/bin/sh', '-c', 'echo "hi"'],
      Env: ['PATH=/bin', 'X=1'],
      Labels: { kind: 'rich', more: '<q>' },
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/v': {} },
      WorkingDir: '/w',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
      Entrypoint: ['/e'],
    },
    history: [
      { created: '2020-01-01T00:00:00Z', created_by: `ADD ${'long '.repeat(20)}`, comment: 'first' },
      { created: '2020-01-01T00:00:01Z', created_by: 'ENV A=1', empty_layer: true },
      { created: '2020-01-02T00:00:00Z', created_by: 'RUN <b> & "q"' },
    ],
  };
  const archive = await dockerArchive([
    { config: rich, layers: [a, b], tags: ['rich:1', 'rich:2'] },
    { config: { ...base, created: '2021-01-02T03:04:05Z', config: {} }, layers: [a], tags: ['one:1'] },
    {
      config: { ...base, created: '2022-05-05T00:00:00Z', config: { Labels: { kind: 'two' } } },
      layers: [a, c],
      tags: ['127.0.0.1:5000/lib/three:x', 'deep/er/name:v'],
    },
    {
      config: { ...base, created: '2019-06-01T00:00:00Z', config: { Labels: { kind: 'old' } } },
      layers: [b],
      tags: ['old:1'],
    },
  ]);
  const files = {
    'images.tar': archive,
    'files.tar': await tarOf({ 'etc/x': 'x', 'bin/y': 'y'.repeat(5000) }),
    no: Buffer.from('n\n'),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  for (const name of ['images.tar', 'files.tar'] as const)
    writeFileSync(join(folder, `${name}.gz`), gzipSync(files[name]));
}

const skip = missing(...dockerdNeeds, 'docker-registry');

test('tsimage and docker image', { skip, timeout: 240_000 }, async (t) => {
  const folder = tempDir(t);
  makeFolders(folder);
  await writeFiles(join(folder, 'shared'));
  const { host } = await startDockerRegistry(t);
  const docker = await startDockerd(t);
  const sides: Sides = { docker, root: join(folder, 'root'), folder, host };
  assert.ok(stories.flatMap(([, cases]) => cases).length >= 120);
  for (const [name, cases] of stories)
    await t.test(`${name}: ${cases.length} command lines`, async () => {
      const failures: unknown[] = [];
      for (const item of cases) await compare(item, sides).catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n\n'));
    });
  checkStore(sides.root);
  await docker.stop();
});
