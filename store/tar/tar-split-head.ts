/** Who wrote a `tar-split.json.gz`, by the ten bytes before its first compressed one, which nothing else in it covers. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { isErrno } from '../errors.js';

/** RFC 1952: magic, deflate, no flags, no time, no hint of the level; then the operating system: Go says "unknown", zlib "Unix". */
const head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0];
const writers: Partial<Record<number, 'docker' | 'tspull'>> = { 255: 'docker', 3: 'tspull' };

/** The content cannot be changed by what is wrong here, so it is never more than odd. */
export function gzipWriter(path: string): 'docker' | 'tspull' | 'odd' | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(10);
    if (readSync(fd, bytes, 0, bytes.length, 0) < bytes.length) return undefined;
    if (head.some((byte, at) => bytes[at] !== byte)) return 'odd';
    return writers[bytes[9] ?? 0] ?? 'odd';
  } catch (error) {
    if (isErrno(error, 'EISDIR', 'ESPIPE', 'EAGAIN', 'EIO')) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}
