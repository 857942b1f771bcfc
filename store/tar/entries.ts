/**
 * Which members an archive has and where their contents lie, by tar-stream. For archives that carry images; the layers inside them
 * are read by {@link TarReader}. Contents are not read: the parser gets zeros in their place, so an index costs little whatever the
 * size of the archive.
 */
import { once } from 'node:events';
import { extract, type Header } from 'tar-stream';
import { KnownError } from '../errors.js';
import { type FileRange, readRange } from '../fs/file-range.js';
import { printable } from '../printable.js';
import { archiveError, BLOCK, isZeroBlock } from './header.js';

export interface ArchiveEntry {
  /** As the archive has it. */
  readonly name: string;
  /** `other` for what has no plain content: devices, fifos, sparse files. */
  readonly kind: 'file' | 'directory' | 'link' | 'symlink' | 'other';
  /** Text of a symbolic link, or the name of the member that a hard link stands for. */
  readonly target: string;
  /** Of the content, from the start of the archive. */
  readonly offset: number;
  readonly size: number;
}

/** Far more than images need; bounds memory. */
const MAX_ENTRIES = 100_000;
const MAX_NAME_LENGTH = 4096;
const WINDOW_BYTES = 16 * BLOCK;
const zeros = Buffer.alloc(1024 * 1024);

/**
 * All members in order, up to the end mark as Go's reader has it. What readers understand differently is refused: a content that the
 * file does not have, a link with content, a single block of zeros.
 *
 * @throws KnownError E_ARCHIVE; the reason of `signal` when it fires
 */
export async function listEntries(archive: FileRange, signal?: AbortSignal): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  const blocks = blocksOf(archive);
  /** Where the content of the last member ends and the next header begins. */
  let next = 0;
  // With the least mark `drain` tells that the parser is done with what it got. Headers of V7 have no mark of their format.
  const parser = extract({ highWaterMark: 1, allowUnknownFormat: true } as object);
  // Whoever waits for the parser hears of its failure; when nobody waits it must not be an uncaught one.
  parser.on('error', () => undefined);
  parser.on('entry', (header, content, proceed) => {
    content.on('error', () => undefined);
    try {
      const entry = entryOf(header, content.offset + BLOCK);
      if (entry.offset + entry.size > archive.size)
        throw archiveError(`the archive ends inside the member ${quoted(entry.name)}: it was cut off`);
      if (entries.push(entry) > MAX_ENTRIES) throw archiveError(`the archive has more than ${MAX_ENTRIES} members`);
      next = entry.offset + Math.ceil(entry.size / BLOCK) * BLOCK;
      content.resume();
      proceed();
    } catch (error) {
      proceed(error as Error);
    }
  });
  try {
    for (let at = 0; at < archive.size && !isEnd(blocks, at, next); ) {
      signal?.throwIfAborted();
      const bytes = at < next ? zeros.subarray(0, next - at) : blocks.read(at);
      const taken = once(parser, 'drain');
      parser.write(bytes);
      await taken;
      at += bytes.length;
    }
    const ended = once(parser, 'close');
    parser.end(Buffer.alloc(0));
    await ended;
  } catch (error) {
    parser.destroy();
    if (error instanceof KnownError || signal?.aborted) throw error;
    throw archiveError(`not a valid archive: ${printable((error as Error).message, 200)}`, error);
  }
  return entries;
}

/** Two blocks of zeros where a header should be, or one at the end of the file. tar-stream itself would go on behind them. */
function isEnd(blocks: Blocks, at: number, next: number): boolean {
  if (at < next || !isZeroBlock(blocks.read(at))) return false;
  const last = at + BLOCK >= blocks.archive.size;
  if (at > next || !(last || isZeroBlock(blocks.read(at + BLOCK))))
    throw archiveError('not a valid archive: zeros where a header should be');
  return true;
}

interface Blocks {
  readonly archive: FileRange;
  /** The block at a position, filled up with zeros where the file ends in it. */
  read(at: number): Buffer;
}

/** Headers of small members lie close together: one read brings several. */
function blocksOf(archive: FileRange): Blocks {
  let start = 0;
  let window = Buffer.alloc(0);
  return {
    archive,
    read(at) {
      if (at < start || at + BLOCK > start + window.length) {
        window = Buffer.alloc(WINDOW_BYTES);
        start = at;
        readRange(archive, at, window.subarray(0, Math.min(WINDOW_BYTES, archive.size - at)));
      }
      return window.subarray(at - start, at - start + BLOCK);
    },
  };
}

function entryOf({ name, type, size, linkname, pax }: Header, offset: number): ArchiveEntry {
  // null where there is none, whatever the types say.
  const target = linkname ?? '';
  if (name.length > MAX_NAME_LENGTH || target.length > MAX_NAME_LENGTH)
    throw archiveError(`the archive has a name of more than ${MAX_NAME_LENGTH} characters`);
  const kind = isSparse(pax) ? 'other' : (kinds[type] ?? 'other');
  if (size > 0 && (kind === 'link' || kind === 'symlink'))
    throw archiveError(`the member ${quoted(name)} is a link and has content`);
  return { name, kind, target, offset, size: kind === 'directory' ? 0 : size };
}

const kinds: Partial<Record<Header['type'], ArchiveEntry['kind']>> = {
  file: 'file',
  directory: 'directory',
  link: 'link',
  symlink: 'symlink',
};

/** GNU's records for files with holes: what follows the header is a map and pieces. */
function isSparse(pax: unknown): boolean {
  return typeof pax === 'object' && pax !== null && Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'));
}

function quoted(name: string): string {
  return `"${printable(name, 200)}"`;
}
