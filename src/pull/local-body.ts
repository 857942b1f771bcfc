/** The bytes of a layer that lies on this machine, read by the thread that unpacks it. */
import { setImmediate as turn } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { type FileRange, readRange } from '../../store/fs/file-range.js';
import { printable } from '../../store/printable.js';
import { rebuildLayer, type StoredLayer } from '../../store/tar/rebuild-layer.js';
import type { LocalBody } from './layer-origin.js';

const CHUNK_BYTES = 1024 * 1024;

export interface StreamOptions<Body> {
  body: Body;
  /** Bytes that the layer must have. */
  size: number;
  /** Takes bytes synchronously; they are valid only during the call. */
  onChunk: (chunk: Buffer) => void;
  signal: AbortSignal;
}

/** Resolves when all bytes were handed on. @throws KnownError E_VERIFY, E_ARCHIVE, E_STORE, or what `onChunk` throws */
export function streamLocal({ body, ...options }: StreamOptions<LocalBody>): Promise<void> {
  return 'tree' in body ? streamTree({ body: body.tree, ...options }) : streamFile({ body: body.range, ...options });
}

async function streamTree({ body, onChunk, signal }: StreamOptions<StoredLayer>): Promise<void> {
  for (const piece of rebuildLayer(body)) {
    await turn();
    signal.throwIfAborted();
    onChunk(piece);
  }
}

async function streamFile({ body: range, size, onChunk, signal }: StreamOptions<FileRange>): Promise<void> {
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
