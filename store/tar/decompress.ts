/**
 * Layer blobs as plain archive bytes. The format is found from the first bytes (as dockerd does), not from the media type.
 * Everything is synchronous: output goes into one buffer, and `flush` is called when the buffer is full and at the end.
 */
import { archiveError } from './header.js';
import { isalGunzip } from './isal.js';
import { ZlibSync } from './zlib-sync.js';
import { zstdDecoder } from './zstd.js';

/** Where decoded bytes go. */
export interface PlainSink {
  buffer: Buffer;
  /** `buffer[0..length)` is ready; the whole buffer except at the end of the stream. */
  flush(length: number): void;
}

export interface Decoder {
  push(chunk: Buffer): void;
  /** The blob has ended: fails when the compressed stream has not. Flushes what is left. */
  finish(): void;
  close(): void;
}

type Format = 'gzip' | 'zstd' | 'plain';

/** Bytes that decide the format; a blob that is shorter is no archive. */
export const SNIFF_BYTES = 6;

const refused: [name: string, magic: Buffer][] = [
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['bzip2', Buffer.from('BZh')],
];

/** How bytes that begin so are compressed. @throws KnownError E_ARCHIVE for what is not supported */
export function sniff(head: Buffer): Format {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const magic = head.readUInt32LE(0);
  // RFC 8878: a frame, or one of the 16 magic numbers of skippable frames.
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  for (const [name, bytes] of refused)
    if (head.subarray(0, bytes.length).equals(bytes))
      throw archiveError(`archives compressed with ${name} are not supported`);
  return 'plain';
}

export function createDecoder(sink: PlainSink): Decoder {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decoder: Decoder | undefined;
  return {
    push(chunk) {
      if (decoder === undefined) {
        head = Buffer.concat([head ?? Buffer.alloc(0), chunk]);
        if (head.length < SNIFF_BYTES) return;
        decoder = decoders[sniff(head)](sink);
        chunk = head;
        head = undefined;
      }
      decoder.push(chunk);
    },
    finish() {
      if (decoder === undefined) throw archiveError('the blob is too short to be an archive');
      decoder.finish();
    },
    close() {
      decoder?.close();
    },
  };
}

const decoders: Record<Format, (sink: PlainSink) => Decoder> = {
  gzip: gzipDecoder,
  zstd: zstdDecoder,
  plain: plainDecoder,
};

/** RFC 1952: all members of the blob are read; zeros after the last one are padding, anything else is refused. */
function gzipDecoder(sink: PlainSink): Decoder {
  const zlib = isalGunzip() ?? new ZlibSync('gunzip');
  let filled = 0;
  let ended = false;
  const feed = (chunk: Buffer, finish: boolean) => {
    for (let at = 0; ; ) {
      const step = zlib.step(chunk, at, sink.buffer, filled, finish);
      at += step.read;
      filled += step.written;
      if (filled < sink.buffer.length) return at;
      sink.flush(filled);
      filled = 0;
    }
  };
  const padding = (bytes: Buffer) => {
    if (bytes.some((byte) => byte !== 0)) throw archiveError('unexpected bytes after the end of the gzip stream');
  };
  return {
    push(chunk) {
      if (ended) return padding(chunk);
      const at = wrapped(() => feed(chunk, false), 'gzip');
      if (at < chunk.length) {
        ended = true;
        padding(chunk.subarray(at));
      }
    },
    finish() {
      if (!ended) wrapped(() => feed(Buffer.alloc(0), true), 'gzip');
      if (filled > 0) sink.flush(filled);
    },
    close: () => zlib.close(),
  };
}

/** Errors of a decoder become errors of the archive; errors of the sink pass as they are. */
function wrapped<T>(run: () => T, format: string): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error && error.name === 'Error' && !('syscall' in error))
      throw archiveError(`invalid ${format} stream: ${error.message}`, error);
    throw error;
  }
}

function plainDecoder(sink: PlainSink): Decoder {
  let filled = 0;
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.copy(sink.buffer, filled, at);
        at += taken;
        filled += taken;
        if (filled < sink.buffer.length) return;
        sink.flush(filled);
        filled = 0;
      }
    },
    finish() {
      if (filled > 0) sink.flush(filled);
    },
    close() {},
  };
}
