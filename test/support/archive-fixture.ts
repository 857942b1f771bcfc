/** Three small images, and pulls of archives and layouts with them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { type PulledImage, type PullOptions, pullAll } from '../../src/pull/pull.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { digestOf } from '../../store/oci/digest.js';
import { type Files, packFiles, writeFiles } from './image-archives.js';
import { dir, file, tar } from './tar-builder.js';
import { tempDir } from './temp.js';

export const base = tar(dir('bin'), file('bin/sh', 'shell', { mode: 0o755 }));
export const middle = tar(dir('etc'), file('etc/a', 'a'.repeat(700_000)));
export const top = tar(file('etc/.wh.a', ''), file('b', 'b'));
export const one = buildImage({ layers: [base, middle, top], compression: 'none' });
export const two = buildImage({
  layers: [base, tar(file('two'))],
  compression: 'none',
  created: '2021-01-01T00:00:00Z',
});
export const packed = buildImage({ layers: [base, middle, top], format: 'oci', created: '2022-01-01T00:00:00Z' });
export const idOf = (image: Image): string => digestOf(image.config);

export interface Fixture {
  path: string;
  root: string;
  pull: (suffix?: string, options?: PullOptions) => Promise<PulledImage[]>;
  /** `name:tag` to image id. */
  names: () => Record<string, string>;
}

export function fixture(t: TestContext, kind: string, content: Buffer | Files): Fixture {
  const folder = tempDir(t);
  const path = join(folder, 'Some.image.tar');
  if (Buffer.isBuffer(content)) writeFileSync(path, content);
  else writeFiles(path, content);
  const root = join(folder, 'root');
  return {
    path,
    root,
    pull: (suffix = '', options = {}) => pullAll(`${kind}:${path}${suffix}`, { root, ...options }),
    names: () => Object.fromEntries([...readRepositories(root).values()].flatMap((keys) => [...keys])),
  };
}

export const dockerArchive = (t: TestContext, files: Files) => fixture(t, 'docker-archive', packFiles(files));
