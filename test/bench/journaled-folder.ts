/**
 * A folder on an ext4 with a journal. Without one, ext4 walks over every recently deleted inode at each create, so that a loop of
 * pulling and deleting gets slower and slower, whatever the tool.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Cleanup } from './cleanup.js';

/** @param base where there is room; a file system of its own is made in it when it has no journal */
export function journaledFolder(cleanup: Cleanup, base: string, sizeBytes: number): string {
  const folder = mkdtempSync(join(base, 'tspull-bench-'));
  cleanup.after(() => rmSync(folder, { recursive: true, force: true }));
  if (hasJournal(folder)) return folder;
  const image = join(folder, 'ext4.img');
  const disk = join(folder, 'disk');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  mkdirSync(disk);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0', image], { env: withSbin });
  execFileSync('mount', ['-o', 'loop', image, disk], { env: withSbin });
  cleanup.after(() => execFileSync('umount', ['-l', disk], { env: withSbin }));
  return disk;
}

const withSbin = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** /proc/fs/jbd2 has an entry such as `sda1-8` for each journal in use. */
function hasJournal(folder: string): boolean {
  const { dev } = statSync(folder);
  const device = `/sys/dev/block/${dev >> 8}:${dev & 0xff}`;
  if (!existsSync(device) || !existsSync('/proc/fs/jbd2')) return false;
  const name = basename(realpathSync(device));
  return readdirSync('/proc/fs/jbd2').some((entry) => entry.startsWith(`${name}-`));
}
