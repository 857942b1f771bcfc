/** `docker image prune` and `tsimage prune` on the same images: the same words, totals and survivors. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage } from '../../fixtures/registry/image.js';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing(...dockerdNeeds);

const layer = (name: string, bytes: number): Buffer => tar(file(name, '', { content: Buffer.alloc(bytes, name) }));
const base = layer('base', 12_345);

function image(name: string, created: string, labels: Record<string, string> = {}) {
  return buildImage({ layers: [base, layer(name, 1000)], compression: 'none', created, config: { Labels: labels } });
}

const archive = packFiles(
  savedFiles(
    { image: image('one', '2020-01-01T00:00:00Z'), tags: ['one:1', 'one:2', 'other:1'] },
    { image: image('two', '2021-01-01T00:00:00Z', { x: 'y' }), tags: ['two:1'] },
    { image: image('three', '2022-01-01T00:00:00Z', { x: 'z', k: '' }) },
  ),
);

const cases = [
  ['-f'],
  ['-a', '-f'],
  ['-f', '--filter', 'until=2021-06-01'],
  ['-af', '--filter', 'until=2021-06-01'],
  ['-af', '--filter', 'until=24h', '--filter', 'label=x'],
  ['-af', '--filter', 'label!=x'],
  ['-af', '--filter', 'label!=x=y'],
  ['-af', '--filter', 'label=x=y', '--filter', 'label=k'],
  ['-f', '--filter', 'label=k'],
  ['-f', '--filter', 'foo=1'],
  ['-f', '--filter', 'until=bogus'],
  ['-f', 'argument'],
];

/** Docker removes images, and lists those of the same moment, in no order. */
const sorted = (text: string): string[] => text.split('\n').sort();
const rows = ['ls', '-a', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'];

test('prune', { skip }, async (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'images.tar');
  writeFileSync(path, archive);
  const peer = await startDockerd(t, { root: join(dir, 'theirs') });
  const ours = join(dir, 'ours');
  const both = async (args: readonly string[], input = '') => [
    await peer.docker(['image', ...args], input),
    await cli('tsimage', ours, args, { input }),
  ];
  const compare = async (args: readonly string[], input = '') => {
    const [theirs, mine] = await both(args, input);
    assert.equal(mine?.status === 0, theirs?.status === 0, `${args}: ${mine?.stderr} ${theirs?.stderr}`);
    assert.deepEqual(sorted(mine?.stdout ?? ''), sorted(theirs?.stdout ?? ''), args.join(' '));
    const [left, leftHere] = await both(rows);
    assert.deepEqual(sorted(leftHere?.stdout ?? ''), sorted(left?.stdout ?? ''), `left by ${args.join(' ')}`);
  };
  for (const args of cases) {
    await both(['load', '-q', '-i', path]);
    await compare(['prune', ...args]);
  }
  await both(['load', '-q', '-i', path]);
  for (const answer of ['', 'n\n', 'yes\n', 'y\n']) await compare(['prune', '-a'], answer);
  await peer.stop();
});
