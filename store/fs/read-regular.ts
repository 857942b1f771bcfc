/** Small files of a data root, which somebody may have replaced by what would block or never end. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** More than any file has that is read whole. */
const LARGEST = 1024 * 1024 * 1024;

/** The bytes of a regular file; undefined when it is something else. @throws ENOENT and its like */
export function readRegularFile(path: string): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= LARGEST ? readFileSync(fd) : undefined;
  } finally {
    closeSync(fd);
  }
}
