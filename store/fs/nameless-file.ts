/** A file that is gone when its descriptor is closed, or its process dies: nothing has to be swept. */
import { constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomId } from './random-id.js';

/** A new file for reading and writing on the file system of `directory`. Not O_TMPFILE, which some file systems lack. */
export function openNamelessFile(directory: string): number {
  const path = join(directory, randomId());
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  rmSync(path, { force: true });
  return fd;
}
