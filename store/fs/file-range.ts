/** A part of an open file that is read by position: many threads can read one descriptor at once, and the file cannot be exchanged meanwhile. */
import { fstatSync, readSync } from 'node:fs';
import { errnoCode, KnownError } from '../errors.js';
import { printable } from '../printable.js';

/** Plain data, valid in every thread of this process while the descriptor is open. */
export interface FileRange {
  readonly fd: number;
  readonly offset: number;
  readonly size: number;
  /** What the file is called in messages. */
  readonly file: string;
}

/** All of an open file. */
export function wholeFile(fd: number, file: string): FileRange {
  return { fd, offset: 0, size: fstatSync(fd).size, file };
}

/**
 * Fills `buffer` with the bytes from `position` of the range on.
 *
 * @throws KnownError E_ARCHIVE when the file is shorter or cannot be read
 */
export function readRange({ fd, offset, file }: FileRange, position: number, buffer: Buffer): void {
  for (let filled = 0; filled < buffer.length; ) {
    const got = readOnce(fd, buffer, filled, offset + position + filled, file);
    if (got === 0)
      throw new KnownError('E_ARCHIVE', `${quoted(file)} ends too early: it was cut off or is being written`);
    filled += got;
  }
}

function readOnce(fd: number, buffer: Buffer, at: number, position: number, file: string): number {
  try {
    return readSync(fd, buffer, at, buffer.length - at, position);
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined) throw cause;
    throw new KnownError('E_ARCHIVE', `cannot read ${quoted(file)}: ${code}`, { cause });
  }
}

const quoted = (file: string): string => `"${printable(file, 300)}"`;
