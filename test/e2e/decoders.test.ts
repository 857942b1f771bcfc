/** The system's libraries for inflating are optional: without them a pull takes longer, and the outcome is the same. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { startRegistry } from '../../fixtures/registry/registry.js';
import { layerRecordDir, listLayers, readLayer } from '../../store/layers/layer-db.js';
import { bundledProgram } from '../support/cli.js';
import { type CommandResult, run } from '../support/dockerd.js';
import { layerTree } from '../support/layer-compare.js';
import { findProgram, missing, skipFor } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { dir, file, symlink, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const names = ['libisal.so.2', 'libzstd.so.1'];

/** Where the dynamic linker finds a library. */
function libraryPath(name: string): string | undefined {
  const line = execFileSync(findProgram('ldconfig') ?? 'ldconfig', ['-p'], { encoding: 'utf8' })
    .split('\n')
    .find((entry) => entry.trim().startsWith(`${name} `));
  const path = line?.split('=> ')[1];
  return path === undefined ? undefined : realpathSync(path);
}

const needed = missing('root', 'ldconfig', 'unshare', 'mount', 'zstd');
const lacking = needed ? [] : names.filter((name) => libraryPath(name) === undefined);
const skip = needed || (lacking.length > 0 && skipFor(`needs ${lacking.join(', ')}`));

/** In mounts of its own, in which these libraries are empty files. */
function pullWithout(libraries: readonly string[], args: readonly string[]): Promise<CommandResult> {
  const hide = libraries.map((name) => `mount --bind /dev/null ${libraryPath(name)}`);
  const script = [...hide, 'exec "$@"'].join(' && ');
  return run('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, bundledProgram('tspull'), ...args]);
}

/** Everything about layers but the names of their directories. */
function layersOf(root: string, since: number): unknown[] {
  return listLayers(root)
    .sort()
    .map((chainId) => {
      const layer = readLayer(root, chainId);
      const split = gunzipSync(readFileSync(join(layerRecordDir(root, chainId), 'tar-split.json.gz'))).toString();
      return { chainId, diffId: layer?.diffId, size: layer?.size, split, tree: layerTree(root, chainId, since) };
    });
}

const text = Buffer.from(Array.from({ length: 300_000 }, (_, at) => `${at % 977} `).join(''));
const layers = [
  tar(dir('a'), file('a/text', '', { content: text }), symlink('a/link', 'text')),
  tar(file('noise', '', { content: randomBytes(900_000) }), file('small', 'x')),
  tar(...Array.from({ length: 3000 }, (_, at) => file(`f${at}`, `content ${at}`))),
];

const cases = [
  {
    compression: 'gzip',
    fast: 'gzip is inflated by ISA-L (libisal.so.2)',
    slow: 'gzip is inflated by zlib of Node; libisal.so.2 would be faster',
  },
  {
    compression: 'zstd',
    fast: 'zstd is inflated by libzstd.so.1',
    slow: 'zstd is inflated by fzstd, in JavaScript; libzstd.so.1 would be faster',
  },
] as const;

test('without libisal and libzstd: slower libraries, the same layers', { skip }, async (t) => {
  const contents = emptyContents();
  for (const { compression } of cases)
    addImage(contents, `lib/${compression}`, '1', buildImage({ layers, format: 'oci', compression }));
  const registry = await startRegistry({ contents });
  t.after(() => registry.close());
  const since = Date.now() - 1000;
  const base = tempDir(t);
  for (const [place, { compression, fast, slow }] of cases.entries()) {
    const image = `${registry.host}/lib/${compression}:1`;
    const outcomes = [[], names].map(async (hidden) => {
      const root = join(base, `${compression}-${hidden.length}`);
      const { status, stderr } = await pullWithout(hidden, ['--root', root, '--verbose', image]);
      assert.equal(status, 0, stderr);
      checkStore(root);
      const said = stderr.split('\n').filter((line) => / is inflated by /.test(line));
      return { said: said[place], layers: layersOf(root, since) };
    });
    const [usual, bare] = await Promise.all(outcomes);
    assert.equal(usual?.said, fast);
    assert.equal(bare?.said, slow);
    assert.deepEqual(bare?.layers, usual?.layers);
    assert.equal(usual?.layers.length, layers.length);
  }
});
