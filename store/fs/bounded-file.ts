/** A file that somebody hands us, read without trusting its size. */
import { closeSync, openSync, readSync } from 'node:fs';
import { errnoCode, KnownError } from '../errors.js';
import { printable } from '../printable.js';

/** @param path `-` for standard input. @throws KnownError E_NOT_FOUND, E_PERMISSION, and E_DOCUMENT for more than `maxBytes` */
export function readBoundedFile(path: string, maxBytes: number): Buffer {
  const shown = path === '-' ? 'standard input' : `"${printable(path, 300)}"`;
  try {
    return readUpTo(path, maxBytes, shown);
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined) throw cause;
    const kind = code === 'EACCES' ? 'E_PERMISSION' : 'E_NOT_FOUND';
    throw new KnownError(kind, `cannot read ${shown}: ${code}`, { cause });
  }
}

function readUpTo(path: string, maxBytes: number, shown: string): Buffer {
  const fd = path === '-' ? 0 : openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = readSync(fd, buffer, length, buffer.length - length, null);
    if (length > maxBytes) throw new KnownError('E_DOCUMENT', `${shown} has more than ${maxBytes} bytes`);
    return buffer.subarray(0, length);
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}
