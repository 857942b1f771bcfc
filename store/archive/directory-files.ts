/** A directory as {@link ImageFiles}. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode, isErrno, KnownError } from '../errors.js';
import { type FileRange, wholeFile } from '../fs/file-range.js';
import { printable } from '../printable.js';
import type { ImageFiles } from './image-files.js';

/**
 * Symbolic links are followed wherever they lead, since build tools make layouts of them: whose bytes they are is decided by the
 * digest. Paths are made of digests and fixed names, never of what a document says.
 */
export function openDirectoryFiles(directory: string): ImageFiles {
  const open = new Map<string, FileRange>();
  const close = () => {
    for (const { fd } of open.values()) closeSync(fd);
    open.clear();
  };
  return {
    name: directory,
    find(path) {
      const range = open.get(path) ?? openFile(join(directory, path));
      if (range !== undefined) open.set(path, range);
      return range;
    },
    close,
    [Symbol.dispose]: close,
  };
}

function openFile(path: string): FileRange | undefined {
  // Opening a fifo would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  let fd: number;
  try {
    fd = openSync(path, flags);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new KnownError('E_ARCHIVE', `cannot open "${printable(path, 300)}": ${errnoCode(cause) ?? String(cause)}`, {
      cause,
    });
  }
  if (fstatSync(fd).isFile()) return wholeFile(fd, path);
  closeSync(fd);
  throw new KnownError('E_ARCHIVE', `"${printable(path, 300)}" is no regular file`);
}
