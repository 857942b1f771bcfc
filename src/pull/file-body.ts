/** The bytes of a layer that lies in a file, read by the thread that unpacks it. */
import { setImmediate as turn } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { type FileRange, readRange } from '../../store/fs/file-range.js';
import { printable } from '../../store/printable.js';

const CHUNK_BYTES = 1024 * 1024;

export interface StreamFileOptions {
  range: FileRange;
  /** Bytes that the layer must have. */
  size: number;
  /** Takes bytes synchronously; they are valid only during the call. */
  onChunk: (chunk: Buffer) => void;
  signal: AbortSignal;
}

/** Resolves when all bytes were handed on. @throws KnownError E_VERIFY, E_ARCHIVE, or what `onChunk` throws */
export async function streamFile({ range, size, onChunk, signal }: StreamFileOptions): Promise<void> {
  if (range.size !== size)
    throw new KnownError(
      'E_VERIFY',
      `a layer in "${printable(range.file, 300)}" has ${range.size} bytes, not the ${size} of its descriptor`,
    );
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size));
  for (let at = 0; at < size; at += buffer.length) {
    // Lets an abort come through.
    await turn();
    signal.throwIfAborted();
    const chunk = buffer.subarray(0, Math.min(buffer.length, size - at));
    readRange(range, at, chunk);
    onChunk(chunk);
  }
}
