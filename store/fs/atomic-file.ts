/** Files that are complete or absent at any instant, also after a power cut. */

import fs, { closeSync, constants, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { randomBytes } from '../linux/random.js';

/**
 * Replaces or creates `path` with `bytes` and exactly `mode` (the umask has no say). The bytes are on disk before the
 * rename makes them visible, and the rename itself is on disk when this returns. On failure the old file is untouched
 * and no temporary file stays behind.
 *
 * The temporary name starts with `.tmp-`, which every reader of a data root (dockerd too) passes over.
 */
export function writeFileDurably(path: string, bytes: Uint8Array | string, mode: number): void {
  const folder = dirname(path);
  const temporary = join(folder, `.tmp-${basename(path)}-${randomBytes(8).toString('hex')}`);
  try {
    writeSynced(temporary, bytes, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(folder);
}

function writeSynced(path: string, bytes: Uint8Array | string, mode: number): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(fd, bytes);
    fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a directory durable: creations, renames and removals up to now. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** {@link syncDirectory} for several directories at once, without blocking the event loop: a sync may wait for other writers' data. */
export async function syncDirectories(...paths: string[]): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      // `fs.promises` is loaded at its first use, a named import would load it with this file.
      const directory = await fs.promises.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    }),
  );
}
