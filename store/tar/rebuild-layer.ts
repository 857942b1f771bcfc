/** A layer's archive bit for bit, from its `tar-split.json.gz` and the tree that it was unpacked to. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode, KnownError } from '../errors.js';
import type { FileRange } from '../fs/file-range.js';
import { openAt2 } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import type { ChainId, DiffId } from '../oci/digest.js';
import { printable } from '../printable.js';
import { Crc64 } from './crc64.js';
import { archiveError } from './header.js';
import { readTarSplit, type SplitFile, type SplitRecord } from './tar-split-reader.js';

export type StoredLayer = LayerTree & (RecordInDirectory | RecordInFile);

interface LayerTree {
  /** Names the layer in messages. */
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  /** The layer's own files. */
  readonly diff: string;
}

interface RecordInDirectory {
  /** The directory with `tar-split.json.gz`. */
  readonly record: string;
}

interface RecordInFile {
  /** The record itself, open. */
  readonly tarSplit: FileRange;
}

/** Of the pieces that are given out. */
const CHUNK_BYTES = 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** A name is one of the layer: the last component must be the file itself; a fifo in its place must not block. */
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The archive in pieces, each valid until the next one is asked for. The checksum of every file is verified before the piece with its
 * end is given out, the diffID before the end: a layer that differs in one byte always fails, and the error names the file.
 * Files are opened by the kernel as if the tree were the root directory, so that no link leads out of it.
 *
 * @throws KnownError E_STORE that names the layer, and the file where it is one
 */
export function* rebuildLayer(layer: StoredLayer): Generator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let filled = 0;
  for (const piece of pieces(layer)) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.copy(chunk, filled, at);
      at += taken;
      filled += taken;
      if (filled < chunk.length) continue;
      hash.update(chunk);
      yield chunk;
      filled = 0;
    }
  }
  const last = chunk.subarray(0, filled);
  const diffId = `sha256:${hash.update(last).digest('hex')}`;
  if (diffId !== layer.diffId)
    throw layerError(
      layer,
      `its headers have changed: what can be rebuilt of it is ${diffId} instead of ${layer.diffId}`,
    );
  yield last;
}

/** Bytes of the archive, as the record has it. @throws KnownError E_STORE */
export function rebuiltSize(layer: StoredLayer): number {
  let size = 0;
  for (const record of recordsOf(layer)) size += 'raw' in record ? record.raw.length : record.size;
  return size;
}

function* pieces(layer: StoredLayer): Generator<Buffer, void, undefined> {
  const root = openTree(layer);
  try {
    const content = contentReader(root);
    for (const record of recordsOf(layer)) {
      if ('raw' in record) yield record.raw;
      else if (record.size > 0) yield* contentOf(layer, record, content);
    }
  } finally {
    closeSync(root);
  }
}

function openTree(layer: StoredLayer): number {
  try {
    return openSync(layer.diff, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw damaged(layer, 'its directory "diff"', cause);
  }
}

function* recordsOf(layer: StoredLayer): Generator<SplitRecord, void, undefined> {
  try {
    yield* readTarSplit('record' in layer ? join(layer.record, 'tar-split.json.gz') : layer.tarSplit);
  } catch (cause) {
    throw damaged(layer, 'tar-split.json.gz', cause);
  }
}

function* contentOf(layer: StoredLayer, file: SplitFile, content: ContentReader): Generator<Buffer, void, undefined> {
  try {
    yield* content(file);
  } catch (cause) {
    throw damaged(layer, `"${printable(file.name.toString(), 300)}"`, cause);
  }
}

type ContentReader = (file: SplitFile) => Generator<Buffer, void, undefined>;

function contentReader(root: number): ContentReader {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const crc = new Crc64();
  return function* ({ name, size, crc: expected }) {
    const fd = openAt2(root, cstring(name), OPEN_FILE);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw archiveError('it is no longer a regular file');
      if (stat.size !== size) throw archiveError(`it has ${stat.size} bytes instead of ${size}`);
      crc.reset();
      for (let left = size; left > 0; ) {
        const got = readSync(fd, buffer, 0, Math.min(left, buffer.length), null);
        if (got === 0) throw archiveError('it became shorter while it was read');
        crc.update(buffer, 0, got);
        left -= got;
        if (left === 0 && crc.base64() !== expected)
          throw archiveError('its content has changed: the checksum is wrong');
        yield buffer.subarray(0, got);
      }
    } finally {
      closeSync(fd);
    }
  };
}

/** Both kinds of failure are the layer's: what the reader found wrong, and what the kernel says to reading it. */
function damaged(layer: StoredLayer, part: string, cause: unknown): unknown {
  const why = cause instanceof KnownError && cause.code === 'E_ARCHIVE' ? cause.message : errnoCode(cause);
  if (why === undefined) return cause;
  return layerError(layer, `${part}: ${why}`, cause);
}

function layerError({ chainId }: StoredLayer, why: string, cause?: unknown): KnownError {
  return new KnownError('E_STORE', `layer ${chainId} is damaged: ${why}`, {
    hint: 'remove the images that stand on it and pull them again',
    ...(cause !== undefined && { cause }),
  });
}
