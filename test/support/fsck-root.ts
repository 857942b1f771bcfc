/** A data root with one small image, and the whole of it in words: what repairs are measured by. */

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fsck } from '../../src/fsck/fsck.js';
import type { FsckReport } from '../../src/fsck/report.js';
import { pull } from '../../src/pull/pull.js';
import { type Served, serveImage } from './serve.js';
import { dir, file, hardlink, symlink, tar } from './tar-builder.js';
import { tempDir } from './temp.js';
import { describeTree } from './tree.js';

export const layers = [
  tar(dir('bin'), file('bin/sh', 'shell'), symlink('bin/a', 'sh'), dir('etc', { mode: 0o711 }), file('etc/a', 'a')),
  tar(
    file('etc/.wh.a', ''),
    file('etc/b', 'b'.repeat(3000), { mode: 0o4755, uid: 7 }),
    hardlink('etc/c', 'etc/b', { mode: 0o4755, uid: 7 }),
    symlink('etc/link', '../bin/sh'),
  ),
  tar(dir('d'), file('d/.wh..wh..opq', ''), file('d/x', '', { content: Buffer.alloc(2000, 'x') })),
  tar(file('last', 'z', { pax: { 'SCHILY.xattr.user.a': 'b' } })),
];

export interface FsckRoot extends Served {
  root: string;
  /** Everything but what has the time of its making, and what nobody reads. */
  describe(): string[];
  check(): Promise<FsckReport>;
  repair(): Promise<FsckReport>;
}

export async function makeFsckRoot(t: Pick<TestContext, 'after'>): Promise<FsckRoot> {
  const began = BigInt(Date.now() - 1000) * 1_000_000n;
  const served = await serveImage(t, { layers });
  const root = join(tempDir(t), 'root');
  await pull(served.name, { root });
  const without = (line: string) =>
    line.replace(/ t=(-?\d+)/, (text, time) => (BigInt(time) >= began ? ' t=now' : text));
  return {
    ...served,
    root,
    describe: () => [
      ...describeTree(join(root, 'image'), { times: false }).filter((line) => !line.includes('.damaged ')),
      ...describeTree(join(root, 'overlay2')).map(without),
      ...['layers', 'manifests'].flatMap((name) => describeTree(join(root, 'tspull', name), { times: false })),
    ],
    check: () => fsck({ root }),
    repair: () => fsck({ root, repair: true }),
  };
}

/** Files with content, and links, below some folders of a root; sorted. */
export function filesBelow(root: string, ...folders: string[]): string[] {
  const found: string[] = [];
  const walk = (path: string) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) walk(below);
      else if (entry.isSymbolicLink() || (entry.isFile() && lstatSync(join(root, below)).size > 0)) found.push(below);
    }
  };
  for (const folder of folders) walk(folder);
  return found.filter((path) => !path.endsWith('.damaged')).sort();
}
