/** What a file system has left (statfs(2)). */
import { existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface FreeSpace {
  /** For this process: root may use what is reserved. Undefined where the file system sets no bound. */
  readonly bytes: number | undefined;
  /** Undefined where inodes are made as they are needed. */
  readonly inodes: number | undefined;
}

/** @param path that exists or not; the nearest directory above it counts then */
export function freeSpace(path: string): FreeSpace {
  let existing = resolve(path);
  while (!existsSync(existing)) existing = dirname(existing);
  const { blocks, bfree, bavail, bsize, files, ffree } = statfsSync(existing);
  const free = process.geteuid?.() === 0 ? bfree : bavail;
  // A tmpfs without limits counts nothing; btrfs has no table of inodes.
  return { bytes: blocks === 0 ? undefined : free * bsize, inodes: files === 0 ? undefined : ffree };
}
