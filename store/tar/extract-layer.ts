/**
 * The one pass over a layer's bytes: hash as received, decompress, hash plain, parse, record, write. Everything is synchronous
 * in the calling thread, so a slow disk holds back the network by itself.
 */
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { servedWrong } from '../oci/descriptor.js';
import type { DiffId, Digest } from '../oci/digest.js';
import { algorithmOf, parseDiffId } from '../oci/digest.js';
import { printable } from '../printable.js';
import { createDecoder } from './decompress.js';
import { archiveError } from './header.js';
import { TarReader } from './reader.js';
import { TarSplitWriter } from './tar-split-writer.js';
import { TreeWriter } from './tree-writer.js';

/** Decoded bytes handled at a time; a multiple of the tar block, so a header never lies in two buffers. */
const BUFFER_BYTES = 1024 * 1024;

export interface LayerExtraction {
  /** Decoded bytes so far. */
  readonly plainBytes: number;
  /** Milliseconds so far in which decoded bytes were hashed and written. */
  readonly appliedMs: number;
  /** The next bytes of the blob, in order. */
  push(chunk: Buffer): void;
  /** All bytes have come: verifies both digests, completes the tree and `tar-split.json.gz`. */
  finish(): ExtractedLayer;
  /** Lets go of descriptors and memory after a failure; the staging directory is the caller's to remove. */
  close(): void;
}

export interface ExtractedLayer {
  diffId: DiffId;
  /** Bytes as `layerdb` records them. */
  size: number;
  blobBytes: number;
  plainBytes: number;
  entries: number;
}

export interface ExtractOptions {
  /** An existing directory; receives the tree as `diff/`. */
  layer: string;
  /** An existing directory; receives `tar-split.json.gz`. */
  record: string;
  /** Of the blob as it travels; undefined where nobody named one, so that only what is inside is checked. */
  digest: Digest | undefined;
  /** Undefined for an archive that is only being made. */
  diffId: DiffId | undefined;
  /** Upper bound for the decoded bytes: what a small blob may expand to. Asked each time where the blob's size shows as it comes. */
  maxPlainBytes: number | (() => number);
}

export function extractLayer({ layer, record, digest, diffId, maxPlainBytes }: ExtractOptions): LayerExtraction {
  const blobHash = digest === undefined ? undefined : createHash(algorithmOf(digest));
  const plainHash = createHash('sha256');
  const { root, exactModes } = makeTree(join(layer, 'diff'));
  const split = new TarSplitWriter(join(record, 'tar-split.json.gz'));
  const tree = new TreeWriter(root, exactModes);
  const reader = layerReader(tree, split);
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  let blobBytes = 0;
  let plainBytes = 0;
  let appliedMs = 0;
  const decoder = createDecoder({
    buffer,
    flush(length) {
      const began = performance.now();
      plainBytes += length;
      const most = typeof maxPlainBytes === 'number' ? maxPlainBytes : maxPlainBytes();
      if (plainBytes > most) throw archiveError(`the layer expands to more than ${most} bytes`);
      plainHash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
      reader.push(buffer, length);
      appliedMs += performance.now() - began;
    },
  });
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    decoder.close();
    tree.close();
    split.close();
    closeSync(root);
  };
  return {
    get plainBytes() {
      return plainBytes;
    },
    get appliedMs() {
      return appliedMs;
    },
    push(chunk) {
      blobHash?.update(chunk);
      blobBytes += chunk.length;
      decoder.push(chunk);
    },
    finish() {
      decoder.finish();
      reader.finish();
      if (digest !== undefined) verify('blob', digest, `${algorithmOf(digest)}:${blobHash?.digest('hex')}`);
      const found = parseDiffId(`sha256:${plainHash.digest('hex')}`);
      if (diffId !== undefined) verify('uncompressed layer', diffId, found);
      tree.finish();
      split.finish();
      close();
      return { diffId: found, size: tree.size, blobBytes, plainBytes, entries: reader.entries };
    },
    close,
  };
}

/** The empty root of the layer, and whether what is made in it gets the mode that is asked for: a umask or a default ACL may say no. */
function makeTree(path: string): { root: number; exactModes: boolean } {
  mkdirSync(path, { mode: 0o777 });
  const exactModes = (lstatSync(path).mode & 0o7777) === 0o777;
  chmodSync(path, 0o755);
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  return { root, exactModes };
}

function layerReader(tree: TreeWriter, split: TarSplitWriter): TarReader & { entries: number } {
  const reader = new TarReader({
    raw: (buffer, start, end) => split.raw(buffer, start, end),
    entry(entry) {
      counted.entries++;
      try {
        if (tree.add(entry)) split.startFile(entry.name, entry.payload);
      } catch (error) {
        throw naming(error, entry.name);
      }
    },
    data(buffer, start, end) {
      tree.data(buffer, start, end);
      split.data(buffer, start, end);
    },
    entryEnd() {
      tree.endOfEntry();
      split.endFile();
    },
  });
  const counted = Object.assign(reader, { entries: 0 });
  return counted;
}

/**
 * What the kernel says of a member that cannot be made, such as a link to nothing or a device whose number is too large. Nobody
 * else changes the directory, so it is never the disk.
 */
const faultsOfMembers = ['EINVAL', 'ENOENT', 'ENAMETOOLONG', 'ENOTEMPTY', 'EISDIR', 'ENOTDIR', 'EEXIST', 'ELOOP'];

/** Says which member failed. */
function naming(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || !(error instanceof KnownError || isErrno(error, ...faultsOfMembers))) return error;
  return archiveError(
    `member ${JSON.stringify(printable(Buffer.from(name, 'latin1').toString(), 200))}: ${printable(error.message)}`,
    error,
  );
}

function verify(what: string, expected: string, got: string): void {
  if (expected !== got)
    throw new KnownError('E_VERIFY', `the ${what} does not match its digest: expected ${expected}, got ${got}`, {
      hint: servedWrong,
    });
}
