/** Reads `tar-split.json.gz`, whoever wrote it: {@link TarSplitWriter} has the format. Positions and the order of keys say nothing. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { FileRange } from '../fs/file-range.js';
import { createDecoder } from './decompress.js';
import { archiveError } from './header.js';

export type SplitRecord = { readonly raw: Buffer } | SplitFile;

/** A member whose content lies in the tree. */
export interface SplitFile {
  readonly name: Buffer;
  /** Bytes of the content. */
  readonly size: number;
  /** Base64 of the CRC-64 of the content; undefined without content. */
  readonly crc: string | undefined;
}

const CHUNK_BYTES = 64 * 1024;

/** A segment may be any part of an archive; no writer known makes one above 2 MiB. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/**
 * @param from a path, or an open file, which stays open
 * @throws KnownError E_ARCHIVE for what is no such file, and an errno when it cannot be read
 */
export function* readTarSplit(from: string | FileRange): Generator<SplitRecord, void, undefined> {
  const isPath = typeof from === 'string';
  const fd = isPath ? openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) : from.fd;
  const lines = lineSplitter();
  const decoder = createDecoder(lines);
  let line = 0;
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = 0, got = -1; got !== 0; at += got) {
      got = readSync(fd, chunk, 0, chunk.length, isPath ? null : at);
      if (got > 0) decoder.push(chunk.subarray(0, got));
      else decoder.finish();
      for (const text of lines.take(got === 0)) yield parseRecord(text, ++line);
    }
  } finally {
    decoder.close();
    if (isPath) closeSync(fd);
  }
}

function lineSplitter() {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const buffer = Buffer.allocUnsafeSlow(4 * CHUNK_BYTES);
  let complete: string[] = [];
  let rest = '';
  const decode = (bytes: Buffer): string => {
    try {
      return decoder.decode(bytes, { stream: true });
    } catch (cause) {
      if (cause instanceof TypeError) throw archiveError('it is not UTF-8 text', cause);
      throw cause;
    }
  };
  return {
    buffer,
    flush(length: number) {
      const [first = '', ...others] = decode(buffer.subarray(0, length)).split('\n');
      rest += first;
      if (rest.length > MAX_LINE_LENGTH) throw archiveError(`a line has more than ${MAX_LINE_LENGTH} characters`);
      if (others.length === 0) return;
      complete.push(rest);
      rest = others.pop() ?? '';
      for (const line of others) complete.push(line);
    },
    /** Lines that have come since the last call, without empty ones. */
    take(atEnd: boolean): string[] {
      const lines = atEnd ? [...complete, rest] : complete;
      complete = [];
      return lines.filter((line) => line !== '');
    },
  };
}

function parseRecord(text: string, line: number): SplitRecord {
  const { type, payload, size = 0, ...names } = parseObject(text, line);
  if (type === 2 && typeof payload === 'string') return { raw: Buffer.from(payload, 'base64') };
  const name = nameOf(names);
  if (type !== 1 || name === undefined) throw archiveError(`line ${line} is neither bytes nor a file`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw archiveError(`line ${line} has a size that is none`);
  const crc = typeof payload === 'string' ? payload : undefined;
  if (size > 0 && crc === undefined) throw archiveError(`line ${line} has no checksum`);
  return { name, size, crc };
}

function nameOf({ name, name_raw: raw }: Record<string, unknown>): Buffer | undefined {
  const bytes =
    typeof raw === 'string' ? Buffer.from(raw, 'base64') : typeof name === 'string' ? Buffer.from(name) : undefined;
  return bytes?.includes(0) ? undefined : bytes;
}

function parseObject(text: string, line: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw archiveError(`line ${line} is no JSON object`);
}
