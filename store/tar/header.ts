/**
 * One 512-byte tar header block, read as Go's archive/tar reads it (that reader is what dockerd, podman and umoci use):
 * POSIX.1-1988 ustar, star, old GNU and V7. Names are kept as bytes in latin1 strings.
 */
import { KnownError } from '../errors.js';

export const BLOCK = 512;

export interface TarHeader {
  /** The type flag, one character; NUL (old regular file) is `'\0'`. */
  type: string;
  /** Bytes as latin1; not cleaned. */
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  /** The size field as it stands; links, devices and directories carry no payload whatever it says. */
  size: number;
  /** Seconds and nanoseconds since 1970. */
  mtime: { seconds: number; nanoseconds: number };
  major: number;
  minor: number;
}

export function archiveError(message: string, cause?: unknown): KnownError {
  return new KnownError('E_ARCHIVE', message, cause === undefined ? {} : { cause });
}

function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString('latin1', start, end < 0 || end > start + length ? start + length : end);
}

/** Octal text between blanks and NULs, strictly octal digits; empty means 0. */
function octal(block: Buffer, start: number, length: number): number {
  let from = start;
  let to = start + length;
  while (from < to && (block[from] === 0x20 || block[from] === 0)) from++;
  while (to > from && (block[to - 1] === 0x20 || block[to - 1] === 0)) to--;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit === -0x30) break;
    if (digit < 0 || digit > 7) throw archiveError('a number in a tar header is not octal');
    value = value * 8 + digit;
  }
  if (!Number.isSafeInteger(value)) throw archiveError('a number in a tar header is too large');
  return value;
}

/** Octal, or GNU base-256 when the first bit is set (two's complement, big-endian). */
function numeric(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) === 0) return octal(block, start, length);
  let value = BigInt(first & 0x7f);
  for (let i = start + 1; i < start + length; i++) value = (value << 8n) | BigInt(block[i] ?? 0);
  const signed = BigInt.asIntN(length * 8 - 1, value);
  const result = Number(signed);
  if (!Number.isSafeInteger(result)) throw archiveError('a number in a tar header is too large');
  return result;
}

function checksumFits(block: Buffer): boolean {
  // The field itself counts as eight blanks.
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = block[i] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let i = 148; i < 156; i++) {
    const byte = block[i] as number;
    unsigned -= byte;
    high -= byte >> 7;
  }
  const stored = octal(block, 148, 8);
  return stored === unsigned || stored === unsigned - 256 * high;
}

type Format = 'v7' | 'ustar' | 'star' | 'gnu';

function formatOf(block: Buffer): Format {
  const magic = block.toString('latin1', 257, 265);
  if (magic === 'ustar  \0') return 'gnu';
  if (magic !== 'ustar\u000000') return 'v7';
  return block.toString('latin1', 508, 512) === 'tar\0' ? 'star' : 'ustar';
}

/** The path prefix field; old GNU headers have times there, unless a buggy writer put a prefix (then ASCII). */
function prefixOf(block: Buffer, format: Format): string {
  if (format === 'v7') return '';
  if (format === 'star') return text(block, 345, 131);
  if (format === 'ustar') return text(block, 345, 155);
  try {
    if (block[345] !== 0) numeric(block, 345, 12);
    if (block[357] !== 0) numeric(block, 357, 12);
    return '';
  } catch (error) {
    if (!(error instanceof KnownError)) throw error;
    const prefix = text(block, 345, 155);
    return /^[\x00-\x7f]*$/.test(prefix) ? prefix : '';
  }
}

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i += 4) if (block.readInt32LE(i) !== 0) return false;
  return true;
}

/** Parses a block that is not all zeros. Throws E_ARCHIVE on a wrong checksum or a malformed number. */
export function parseHeader(block: Buffer): TarHeader {
  if (!checksumFits(block)) throw archiveError('invalid tar header: wrong checksum');
  const format = formatOf(block);
  const prefix = prefixOf(block, format);
  const name = text(block, 0, 100);
  const size = numeric(block, 124, 12);
  if (size < 0) throw archiveError('invalid tar header: negative size');
  return {
    type: block.toString('latin1', 156, 157),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: numeric(block, 100, 8),
    uid: numeric(block, 108, 8),
    gid: numeric(block, 116, 8),
    size,
    mtime: { seconds: numeric(block, 136, 12), nanoseconds: 0 },
    major: format === 'v7' ? 0 : numeric(block, 329, 8),
    minor: format === 'v7' ? 0 : numeric(block, 337, 8),
  };
}

const withoutPayload = new Set(['1', '2', '3', '4', '5', '6']);

/** Links, devices, fifos and directories: the size field says nothing about what follows. */
export function isHeaderOnly(type: string): boolean {
  return withoutPayload.has(type);
}
