/**
 * The beginning of a blob, kept while it is downloaded, so that whatever ends the process, the next one goes on from there:
 *
 *     <root>/tspull/partial/<algorithm>-<digits>      0600
 *       the bytes as they came, in pieces: length and CRC-32 of the piece (little-endian, 32 bits each), then the piece
 *
 * Nothing here is synced. After a power cut the file may end anywhere and hold anything; the checksums tell how much of it is good,
 * and the digest of the whole blob is verified in any case.
 */
import {
  existsSync,
  fstatSync,
  ftruncateSync,
  readdirSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writevSync,
} from 'node:fs';
import { join } from 'node:path';
import { partialDir } from '../data-root.js';
import { isErrno } from '../errors.js';
import { tryAcquire } from '../fs/lock.js';
import type { Digest } from '../oci/digest.js';

/** A piece of a blob, with the numbers in front of it. */
const HEADER_BYTES = 8;
const LONGEST_PIECE = 1024 * 1024;
/** A blob takes its own size here, several times that once it is unpacked, and something must be left. */
const FREE_SPACE_FACTOR = 6;
/** What nobody came back for goes after a week. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

export interface PartialBlob {
  /**
   * Hands on the good bytes that an earlier run left, and forgets the rest. The chunk is valid only during the call.
   *
   * @returns how many bytes that were; never more than the blob has
   */
  replay(onChunk: (chunk: Buffer) => void): number;
  /** Keeps the next bytes. When the disk is full, everything kept is given up in favour of the layer itself. */
  append(chunk: Buffer): void;
  /** The kept bytes are wrong, or needed no longer. */
  discard(): void;
  /** Leaves what is kept for a later run. */
  close(): void;
}

/** Loaded with the first piece, because every program that opens a data root for writing comes by this file. */
const crc32 = (piece: Buffer): number => process.getBuiltinModule('node:zlib').crc32(piece);

const pathOf = (root: string, digest: Digest): string => join(partialDir(root), digest.replace(':', '-'));

/**
 * Undefined when nothing can be kept: another process downloads the same blob, or there is little space.
 *
 * @param size of the whole blob in bytes
 */
export function openPartialBlob(root: string, digest: Digest, size: number): PartialBlob | undefined {
  const path = pathOf(root, digest);
  if (!existsSync(path) && !hasSpace(root, size)) return undefined;
  const lock = openOrNothing(path);
  if (lock === undefined) return undefined;
  const { fd } = lock;
  const header = Buffer.alloc(HEADER_BYTES);
  let end = fstatSync(fd).size;
  let open = true;
  const close = () => {
    open = false;
    lock.release();
  };
  const discard = () => {
    // Before the lock is free: afterwards the file may be somebody else's.
    if (open) rmSync(path, { force: true });
    close();
  };
  return {
    replay(onChunk) {
      if (!open) return 0;
      const { bytes, position } = readPieces(fd, size, onChunk);
      ftruncateSync(fd, position);
      end = position;
      return bytes;
    },
    append(chunk) {
      if (!open) return;
      for (let at = 0; at < chunk.length && open; at += LONGEST_PIECE) {
        const piece = chunk.subarray(at, at + LONGEST_PIECE);
        header.writeUInt32LE(piece.length, 0);
        header.writeUInt32LE(crc32(piece), 4);
        if (!writeAll(fd, [header, piece], end)) discard();
        end += HEADER_BYTES + piece.length;
      }
    },
    discard,
    close,
  };
}

function hasSpace(root: string, size: number): boolean {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize > size * FREE_SPACE_FACTOR;
}

/** What is kept is a convenience: where it cannot be written, the download goes on without it. */
const noRoom = ['ENOSPC', 'EDQUOT', 'EFBIG'];

function openOrNothing(path: string) {
  try {
    return tryAcquire(path, 'exclusive');
  } catch (error) {
    if (isErrno(error, ...noRoom, 'EROFS', 'ENOENT', 'EMFILE', 'ENFILE')) return undefined;
    throw error;
  }
}

function writeAll(fd: number, parts: Buffer[], position: number): boolean {
  try {
    return writevSync(fd, parts, position) === parts.reduce((sum, { length }) => sum + length, 0);
  } catch (error) {
    if (isErrno(error, ...noRoom)) return false;
    throw error;
  }
}

/** Reads up to the first piece that is not whole. */
function readPieces(fd: number, size: number, onChunk: (chunk: Buffer) => void): { bytes: number; position: number } {
  const header = Buffer.alloc(HEADER_BYTES);
  const buffer = Buffer.allocUnsafeSlow(LONGEST_PIECE);
  let [bytes, position] = [0, 0];
  while (readSync(fd, header, 0, HEADER_BYTES, position) === HEADER_BYTES) {
    const length = header.readUInt32LE(0);
    if (length === 0 || length > LONGEST_PIECE || bytes + length > size) break;
    if (readSync(fd, buffer, 0, length, position + HEADER_BYTES) !== length) break;
    const piece = buffer.subarray(0, length);
    if (crc32(piece) !== header.readUInt32LE(4)) break;
    onChunk(piece);
    bytes += length;
    position += HEADER_BYTES + length;
  }
  return { bytes, position };
}

/** Bytes that the disk holds of a blob. */
export function partialBlobBytes(root: string, digest: Digest): number {
  return statSync(pathOf(root, digest), { throwIfNoEntry: false })?.size ?? 0;
}

/** Forgets what is kept of a blob whose layer is registered. */
export function removePartialBlob(root: string, digest: Digest): void {
  rmSync(pathOf(root, digest), { force: true });
}

/** Removes what is older than a week and in nobody's hands. Call inside the store's exclusive section. */
export function sweepPartialBlobs(root: string): void {
  const limit = Date.now() - KEPT_MS;
  for (const name of readdirSync(partialDir(root))) {
    const path = join(partialDir(root), name);
    const age = statSync(path, { throwIfNoEntry: false });
    if (age === undefined || age.mtimeMs > limit) continue;
    using lock = tryAcquire(path, 'exclusive');
    if (lock !== undefined) rmSync(path, { force: true });
  }
}
