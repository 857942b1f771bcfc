/** One small image on both sides, made from a folder: `docker import` there, and the same archive here. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './cli.js';
import type { Dockerd } from './dockerd.js';
import { busybox } from './layer-root.js';

/** Busybox, users, and a folder /vol of somebody's with a file, a link and a folder in it. */
export function busyboxIn(folder: string): string {
  busybox(folder);
  const volume = join(folder, 'vol');
  mkdirSync(join(volume, 'sub'), { recursive: true });
  writeFileSync(join(volume, 'file'), 'hi\n');
  symlinkSync('file', join(volume, 'link'));
  utimesSync(join(volume, 'file'), 1577934245, 1577934245);
  chownSync(volume, 1000, 1001);
  chmodSync(volume, 0o750);
  chownSync(join(folder, 'home/alice'), 1000, 1001);
  chmodSync(join(folder, 'home/alice'), 0o700);
  return folder;
}

/** @param changes as `docker import --change` takes them */
export async function importImage(
  daemon: Dockerd,
  root: string,
  name: string,
  folder: string,
  changes: readonly string[] = [],
  { pull = true } = {},
): Promise<void> {
  const archive = `${folder}.tar`;
  execFileSync('tar', ['-C', folder, '--numeric-owner', '-cf', archive, '.']);
  const flags = changes.flatMap((change) => ['-c', change]);
  const imported = await daemon.docker(['import', ...flags, archive, name]);
  assert.equal(imported.status, 0, imported.stderr);
  if (!pull) return;
  const saved = await daemon.docker(['save', '-o', archive, name]);
  assert.equal(saved.status, 0, saved.stderr);
  const pulled = await cli('tspull', root, ['-q', `docker-archive:${archive}`]);
  assert.equal(pulled.status, 0, pulled.stderr);
}
