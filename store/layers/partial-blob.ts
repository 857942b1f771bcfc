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
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { partialDir } from '../data-root.js';
import { errnoCode, isErrno } from '../errors.js';
import { crc32 } from '../fs/crc32.js';
import { tryAcquire } from '../fs/lock.js';
import type { Digest } from '../oci/digest.js';

/** A piece of a blob, with the numbers in front of it. */
const HEADER_BYTES = 8;
const LONGEST_PIECE = 1024 * 1024;
/**
 * Pieces are written so long, and aligned so: that costs the kernel a third of what it takes for chunks as they come. It is also what a kill
 * may lose.
 */
const BLOCK_BYTES = 256 * 1024;
/** A slow download waits no longer than this for a block to fill. */
const LONGEST_WAIT_MS = 10;
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
  const block = Buffer.allocUnsafeSlow(HEADER_BYTES + BLOCK_BYTES);
  /** Bytes of the piece that is not written yet. */
  let filled = 0;
  let written = performance.now();
  let end = fstatSync(fd).size;
  let open = true;
  const close = () => {
    try {
      if (open && filled > 0) flush();
    } catch (error) {
      // The bytes that are lost are fetched again, if they are needed at all.
      if (errnoCode(error) === undefined) throw error;
    } finally {
      open = false;
      lock.release();
    }
  };
  const discard = () => {
    // Before the lock is free: afterwards the file may be somebody else's.
    if (open) rmSync(path, { force: true });
    open = false;
    close();
  };
  const flush = () => {
    const piece = block.subarray(HEADER_BYTES, HEADER_BYTES + filled);
    block.writeUInt32LE(filled, 0);
    block.writeUInt32LE(crc32(piece), 4);
    const length = HEADER_BYTES + filled;
    filled = 0;
    if (!writeAll(fd, block.subarray(0, length), end)) discard();
    end += length;
    written = performance.now();
  };
  /** Up to the end of a block of the file, with room for at least something. */
  const longest = () => {
    const room = BLOCK_BYTES - (end % BLOCK_BYTES) - HEADER_BYTES;
    return room > 0 ? room : room + BLOCK_BYTES;
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
      for (let at = 0; open && at < chunk.length; ) {
        const taken = chunk.copy(block, HEADER_BYTES + filled, at, at + longest() - filled);
        filled += taken;
        at += taken;
        if (filled === longest()) flush();
      }
      if (open && filled > 0 && performance.now() - written > LONGEST_WAIT_MS) flush();
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

function writeAll(fd: number, bytes: Buffer, position: number): boolean {
  try {
    return writeSync(fd, bytes, 0, bytes.length, position) === bytes.length;
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
