/**
 * An archive that comes as a stream, or compressed, is kept in a file first: which members are layers, and of which image, may be told
 * only at its end. The file has no name, so it goes whatever happens.
 */
import { closeSync, writeSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { openNamelessFile } from '../../../store/fs/nameless-file.js';
import { createDecoder } from '../../../store/tar/decompress.js';
import { archiveError } from '../../../store/tar/header.js';

const BUFFER_BYTES = 1024 * 1024;
const REPORT_INTERVAL_MS = 100;
/** As for layers: deflate cannot exceed about 1030 : 1. */
const MAX_EXPANSION = 1100;
const SMALL_BYTES = 1024 ** 3;

export interface SpoolOptions {
  /** Where the file takes its space from. */
  directory: string;
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
}

/**
 * Writes all of `stream`, decompressed, to a file and returns its descriptor.
 *
 * @throws KnownError E_ARCHIVE, an errno of the disk, or what the stream fails with
 */
export async function spool(stream: AsyncIterable<Buffer>, options: SpoolOptions): Promise<number> {
  const { directory, onBytes, signal } = options;
  const fd = openNamelessFile(directory);
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  let received = 0;
  let written = 0;
  const decoder = createDecoder({
    buffer,
    flush(length) {
      for (let at = 0; at < length; ) at += writeSync(fd, buffer, at, length - at);
      written += length;
      if (written > Math.max(SMALL_BYTES, received * MAX_EXPANSION))
        throw archiveError(`the archive expands to more than ${MAX_EXPANSION} times its size`);
    },
  });
  const timer = setInterval(() => onBytes(received), REPORT_INTERVAL_MS);
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted();
      received += chunk.length;
      decoder.push(chunk);
    }
    if (received === 0) throw new KnownError('E_ARCHIVE', 'the archive is empty');
    decoder.finish();
    onBytes(received);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  } finally {
    clearInterval(timer);
    decoder.close();
  }
}
