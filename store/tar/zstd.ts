/** zstd (RFC 8878): the system's libzstd where there is one, else the slower JavaScript decoder of the package fzstd. */
import { Decompress } from 'fzstd';
import { addressOf, type NativeFunction, openLibrary } from '../linux/libc.js';
import type { Decoder, PlainSink } from './decompress.js';
import { archiveError } from './header.js';

/** Frames that need a larger window are refused: 128 MiB, the limit of the zstd program. */
const MAX_WINDOW_LOG = 27;

interface LibZstd {
  create: () => unknown;
  free: (context: unknown) => void;
  /** ZSTD_decompressStream(context, ZSTD_outBuffer*, ZSTD_inBuffer*): 0 at the end of a frame, else a hint or an error code. */
  step: (context: unknown, output: Buffer, input: Buffer) => number | bigint;
  isError: (code: number | bigint) => number;
  errorName: (code: number | bigint) => string;
}

let library: LibZstd | undefined | null = null;

function libzstd(): LibZstd | undefined {
  if (library === null) {
    const lib = openLibrary('libzstd.so.1');
    const func = <T>(prototype: string) => lib?.func(prototype) as unknown as T;
    library =
      lib === undefined
        ? undefined
        : {
            create: func('void *ZSTD_createDStream()'),
            free: func<(context: unknown) => void>('size_t ZSTD_freeDStream(void *)'),
            step: func('size_t ZSTD_decompressStream(void *, void *, void *)'),
            isError: func<NativeFunction>('uint ZSTD_isError(size_t)'),
            errorName: func<(code: number | bigint) => string>('const char *ZSTD_getErrorName(size_t)'),
          };
  }
  return library;
}

/** Whether the system's library is used. */
export const hasLibzstd = (): boolean => libzstd() !== undefined;

export function zstdDecoder(sink: PlainSink): Decoder {
  const native = libzstd();
  return native === undefined ? scriptDecoder(sink) : nativeDecoder(native, sink);
}

/** struct ZSTD_inBuffer / ZSTD_outBuffer: pointer, size, position, 64 bits each. */
function window(buffer: Buffer, used: number): Buffer {
  const struct = Buffer.alloc(24);
  struct.writeBigUInt64LE(addressOf(buffer), 0);
  struct.writeBigUInt64LE(BigInt(buffer.length), 8);
  struct.writeBigUInt64LE(BigInt(used), 16);
  return struct;
}

function nativeDecoder(zstd: LibZstd, sink: PlainSink): Decoder {
  // The library's default limit for streaming is the same 128 MiB window (ZSTD_WINDOWLOG_LIMIT_DEFAULT 27).
  let context: unknown = zstd.create();
  const output = window(sink.buffer, 0);
  let filled = 0;
  let open = false;
  return {
    push(chunk) {
      const input = window(chunk, 0);
      for (;;) {
        output.writeBigUInt64LE(BigInt(filled), 16);
        const code = zstd.step(context, output, input);
        if (zstd.isError(code) !== 0) throw archiveError(`invalid zstd stream: ${zstd.errorName(code)}`);
        filled = Number(output.readBigUInt64LE(16));
        open = Number(code) !== 0;
        const taken = Number(input.readBigUInt64LE(16));
        if (filled === sink.buffer.length) {
          sink.flush(filled);
          filled = 0;
        } else if (taken === chunk.length) return;
      }
    },
    finish() {
      if (open) throw archiveError('invalid zstd stream: unexpected end');
      if (filled > 0) sink.flush(filled);
    },
    close() {
      if (context !== undefined) zstd.free(context);
      context = undefined;
    },
  };
}

/** Checks the limits that fzstd does not know; it reads frames, concatenated or skippable, but allocates any window. */
function checkWindow(head: Buffer): void {
  if (head.length < 6 || head.readUInt32LE(0) !== 0xfd2fb528) return;
  const descriptor = head[4] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 3) !== 0) throw archiveError('invalid zstd stream: it needs a dictionary');
  if (!singleSegment && ((head[5] as number) >> 3) + 10 > MAX_WINDOW_LOG)
    throw archiveError('invalid zstd stream: its window is larger than 128 MiB');
}

function scriptDecoder(sink: PlainSink): Decoder {
  let filled = 0;
  let started = false;
  const decoder = new Decompress((bytes) => {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + sink.buffer.length - filled);
      sink.buffer.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < sink.buffer.length) return;
      sink.flush(filled);
      filled = 0;
    }
  });
  const feed = (chunk: Buffer, last: boolean) => {
    try {
      decoder.push(chunk, last);
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'number')
        throw archiveError(`invalid zstd stream: ${error.message}`, error);
      throw error;
    }
  };
  return {
    push(chunk) {
      if (!started) checkWindow(chunk);
      started = true;
      feed(chunk, false);
    },
    finish() {
      feed(Buffer.alloc(0), true);
      if (filled > 0) sink.flush(filled);
    },
    close() {},
  };
}
