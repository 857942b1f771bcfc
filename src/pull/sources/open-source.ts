/** Makes a source's files readable at any position, and finds its images. */
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { openArchiveFiles } from '../../../store/archive/archive-files.js';
import { openDirectoryFiles } from '../../../store/archive/directory-files.js';
import type { ImageFiles } from '../../../store/archive/image-files.js';
import { errnoCode, KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { SNIFF_BYTES, sniff } from '../../../store/tar/decompress.js';
import { readFifo } from './fifo.js';
import { spool } from './spool.js';

const CHUNK_BYTES = 256 * 1024;

export interface OpenOptions {
  /** Asked for only when an archive has to be kept on the disk first. */
  spoolDirectory: () => Promise<string>;
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
}

/** @throws KnownError E_NOT_FOUND, E_PERMISSION, E_ARCHIVE, E_USAGE */
export function openLayoutDirectory(path: string): ImageFiles {
  const isDirectory = attempt(path, () => statSync(path)).isDirectory();
  if (isDirectory) return openDirectoryFiles(path);
  throw new KnownError('E_ARCHIVE', `"${printable(path, 300)}" is no directory`, {
    hint: `for an archive write oci-archive:${path} or docker-archive:${path}`,
  });
}

/** A file, a fifo, or `-` for standard input; compressed or not. @throws KnownError as {@link openLayoutDirectory} */
export async function openArchive(path: string, options: OpenOptions): Promise<ImageFiles> {
  if (path === '-' || path === '/dev/stdin') return openStandardInput(options);
  const stat = attempt(path, () => statSync(path));
  if (stat.isDirectory())
    throw new KnownError('E_ARCHIVE', `"${printable(path, 300)}" is a directory`, {
      hint: `for an OCI layout write oci:${path}`,
    });
  if (stat.isFile()) return openFile(path, path, options);
  const { signal } = options;
  return fromStream(path, stat.isFIFO() ? readFifo(path, signal) : createReadStream(path, { signal }), options);
}

function openStandardInput(options: OpenOptions): Promise<ImageFiles> {
  if (fstatSync(0).isFile()) return openFile('standard input', '/proc/self/fd/0', options);
  if (process.stdin.isTTY)
    throw new KnownError('E_USAGE', 'standard input is a terminal, not an archive', {
      hint: 'use docker save NAME | tspull docker-archive:-',
    });
  return fromStream('standard input', addAbortSignal(options.signal, process.stdin), options);
}

async function openFile(name: string, path: string, options: OpenOptions): Promise<ImageFiles> {
  const fd = attempt(name, () => openSync(path, constants.O_RDONLY));
  let plain: boolean;
  try {
    plain = attempt(name, () => isPlain(fd));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  if (plain) return openArchiveFiles(fd, name, options.signal);
  return fromStream(name, contentOf(fd), options);
}

/** Closes the descriptor at its end. */
async function* contentOf(fd: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (let at = 0, got = -1; got !== 0; at += got) {
      got = readSync(fd, buffer, 0, buffer.length, at);
      if (got > 0) yield buffer.subarray(0, got);
      await turn();
    }
  } finally {
    closeSync(fd);
  }
}

function isPlain(fd: number): boolean {
  const head = Buffer.alloc(SNIFF_BYTES);
  readSync(fd, head, 0, head.length, 0);
  return sniff(head) === 'plain';
}

/** For a source that can only be read once, from its start to its end. */
export async function fromStream(
  name: string,
  stream: AsyncIterable<Buffer>,
  { spoolDirectory, onBytes, signal }: OpenOptions,
): Promise<ImageFiles> {
  const directory = await spoolDirectory();
  const fd = await spool(named(name, stream, signal), { directory, onBytes, signal });
  return openArchiveFiles(fd, name, signal);
}

/** A failure to read must not look like one of the disk that is written to. */
async function* named(name: string, stream: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (cause) {
    if (signal.aborted || !(cause instanceof Error)) throw cause;
    const why = printable(errnoCode(cause) ?? cause.message, 200);
    throw new KnownError('E_ARCHIVE', `cannot read "${printable(name, 300)}" to its end: ${why}`, { cause });
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined) throw cause;
    const kind = ({ ENOENT: 'E_NOT_FOUND', EACCES: 'E_PERMISSION' } as const)[code] ?? 'E_ARCHIVE';
    throw new KnownError(kind, `cannot open "${printable(path, 300)}": ${code}`, { cause });
  }
}
