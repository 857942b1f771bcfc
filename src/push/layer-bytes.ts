/** A layer as it travels: its archive rebuilt and, unless it is to go plain, compressed by threads of the system's pool. */
import { createHash } from 'node:crypto';
import { createGzip, type Gzip } from 'node:zlib';
import type { Digest } from '../../store/oci/digest.js';
import { rebuildLayer, type StoredLayer } from '../../store/tar/rebuild-layer.js';
import type { BlobSource } from '../registry/push/upload-blob.js';

export interface LayerBytes extends BlobSource {
  /** Of the whole blob, after it was read to its end. */
  size(): number;
}

const OUTPUT_BYTES = 256 * 1024;

/** @param onRead is told the bytes of the archive that were read, counted from the beginning */
export function layerBytes(layer: StoredLayer, isPlain: boolean, onRead: (bytes: number) => void): LayerBytes {
  let result: { digest: Digest; size: number } | undefined;
  const complete = () => {
    if (result === undefined) throw new Error(`layer ${layer.chainId} was not read to its end`);
    return result;
  };
  return {
    async *open() {
      const hash = createHash('sha256');
      let size = 0;
      for await (const piece of isPlain ? counted(layer, onRead) : compressed(layer, onRead)) {
        hash.update(piece);
        size += piece.length;
        yield piece;
      }
      result = { digest: `sha256:${hash.digest('hex')}` as Digest, size };
    },
    digest: () => complete().digest,
    size: () => complete().size,
  };
}

function* counted(layer: StoredLayer, onRead: (bytes: number) => void): Generator<Buffer> {
  let read = 0;
  for (const piece of rebuildLayer(layer)) {
    // The reader uses its buffer again, and a socket may keep what it was given.
    yield Buffer.from(piece);
    read += piece.length;
    onRead(read);
  }
}

async function* compressed(layer: StoredLayer, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  const gzip = createGzip({ chunkSize: OUTPUT_BYTES });
  const feeding = feed(gzip, layer, onRead).catch((error: unknown) => {
    gzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  yield* gzip as AsyncIterable<Buffer>;
  await feeding;
}

/** Returns early when nobody wants the rest. */
async function feed(gzip: Gzip, layer: StoredLayer, onRead: (bytes: number) => void): Promise<void> {
  let read = 0;
  for (const piece of rebuildLayer(layer)) {
    if (gzip.destroyed) return;
    await taken(gzip, piece);
    read += piece.length;
    onRead(read);
  }
  gzip.end();
}

/** Until the piece was compressed: the reader uses its buffer again. */
function taken(gzip: Gzip, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => resolve();
    gzip.once('close', closed);
    gzip.write(piece, (error) => {
      gzip.off('close', closed);
      if (error && !gzip.destroyed) reject(error);
      else resolve();
    });
  });
}
