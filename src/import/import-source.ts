/** Where an archive of files comes from: a file, standard input, or a server. */
import { createReadStream, statSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { errnoCode, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { readFifo } from '../pull/sources/fifo.js';
import { type DownloadOptions, download } from '../registry/download.js';

export interface OpenSourceOptions extends Omit<DownloadOptions, 'url' | 'signal'> {
  signal: AbortSignal;
}

/**
 * @param source a path, `-` for standard input, or a URL of http or https
 * @throws KnownError E_NOT_FOUND, E_PERMISSION, E_ARCHIVE, E_USAGE, and for a URL the codes of registries; the stream throws them, too
 */
export function openImportSource(source: string, options: OpenSourceOptions): AsyncIterable<Buffer> {
  const { signal } = options;
  if (source === '-') return standardInput(signal);
  if (isUrl(source)) return download({ ...options, url: new URL(source) });
  return named(source, fileOf(source, signal), signal);
}

export function isUrl(source: string): boolean {
  return /^https?:\/\//.test(source) && URL.canParse(source);
}

function standardInput(signal: AbortSignal): AsyncIterable<Buffer> {
  if (process.stdin.isTTY)
    throw new KnownError('E_USAGE', 'requested import from standard input, but that is a terminal', {
      hint: 'name a file, or redirect one: tsimage import - NAME < FILE',
    });
  return named('standard input', addAbortSignal(signal, process.stdin), signal);
}

function fileOf(path: string, signal: AbortSignal): AsyncIterable<Buffer> {
  try {
    return statSync(path).isFIFO() ? readFifo(path, signal) : createReadStream(path, { signal });
  } catch (cause) {
    throw unreadable(path, cause, 'open');
  }
}

/** A failure to read must not look like one of the disk that is written to. */
async function* named(name: string, stream: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (cause) {
    throw signal.aborted ? cause : unreadable(name, cause, 'read');
  }
}

const words: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};
const codes = { ENOENT: 'E_NOT_FOUND', EACCES: 'E_PERMISSION' } as const;

/** In Docker's words. */
function unreadable(name: string, cause: unknown, verb: string): unknown {
  const errno = errnoCode(cause);
  if (errno === undefined) return cause;
  const code = errno === 'ENOENT' || errno === 'EACCES' ? codes[errno] : 'E_ARCHIVE';
  return new KnownError(code, `${verb} ${printable(name, 300)}: ${words[errno] ?? errno}`, { cause });
}
