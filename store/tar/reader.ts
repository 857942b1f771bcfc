/**
 * A push parser for layer archives. It follows Go's archive/tar (which decides what an image means to every other tool)
 * and hands on every byte exactly once: as `raw` (headers, extensions, padding, end blocks, what follows them) or as
 * `data` (file content), in stream order, so that a recorder can rebuild the archive.
 */
import { archiveError, BLOCK, isHeaderOnly, isZeroBlock, parseHeader, type TarHeader } from './header.js';
import { mergePax, type PaxRecords, parsePax, xattrsOf } from './pax.js';

export interface TarEntry extends TarHeader {
  xattrs: [name: string, value: Buffer][];
  /** Bytes of content that follow: the size field, or 0 for what cannot have content. */
  payload: number;
}

export interface TarHandler {
  raw(buffer: Buffer, start: number, end: number): void;
  /** All raw bytes of the member (extensions and header) have been handed on. */
  entry(entry: TarEntry): void;
  data(buffer: Buffer, start: number, end: number): void;
  /** The content of the last entry is complete; also called for an entry without content. */
  entryEnd(): void;
}

/** Bodies of PAX and GNU long-name members; Go's limit. */
const MAX_META_BYTES = 1024 * 1024;

const metaTypes = new Set(['x', 'g', 'L', 'K']);

type State = 'header' | 'meta' | 'data' | 'padding' | 'one-zero' | 'end';

export class TarReader {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** Bytes left of the current body or padding. */
  #left = 0;
  #padding = 0;
  #meta: { type: string; body: Buffer; filled: number } | undefined;
  #records: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** `buffer[0..length)`; every call but the last has a length that is a multiple of 512. */
  push(buffer: Buffer, length: number): void {
    for (let at = 0; at < length; ) at = this.#step(buffer, at, length);
  }

  /** Bytes of content that the reader expects next; 0 where it expects anything else. */
  get contentLeft(): number {
    return this.#state === 'data' ? this.#left : 0;
  }

  /** Goes on as if so many bytes of content had been pushed: they lie elsewhere. At most {@link contentLeft}. */
  skipContent(length: number): void {
    if (length > this.contentLeft) throw archiveError('a file in the archive is shorter than its record says');
    this.#left -= length;
    if (this.#left > 0) return;
    this.#handler.entryEnd();
    this.#startPadding();
  }

  /** The stream has ended; a missing end marker or padding is fine, an end inside a member is not. umoci leaves out both. */
  finish(): void {
    if (this.#state === 'meta' || this.#state === 'data')
      throw archiveError('unexpected end of the archive inside a member');
  }

  #step(buffer: Buffer, at: number, length: number): number {
    switch (this.#state) {
      case 'data':
        return this.#body(buffer, at, length);
      case 'padding':
      case 'meta':
        return this.#skip(buffer, at, length);
      case 'end':
        this.#handler.raw(buffer, at, length);
        return length;
      default:
        return this.#header(buffer, at, length);
    }
  }

  #body(buffer: Buffer, at: number, length: number): number {
    const end = Math.min(at + this.#left, length);
    this.#handler.data(buffer, at, end);
    this.#left -= end - at;
    if (this.#left === 0) {
      this.#handler.entryEnd();
      this.#startPadding();
    }
    return end;
  }

  #startPadding(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? 'header' : 'padding';
  }

  /** Consumes the body of an extension, or padding: raw bytes both. */
  #skip(buffer: Buffer, at: number, length: number): number {
    const end = Math.min(at + this.#left, length);
    this.#handler.raw(buffer, at, end);
    if (this.#state === 'meta' && this.#meta) {
      buffer.copy(this.#meta.body, this.#meta.filled, at, end);
      this.#meta.filled += end - at;
    }
    this.#left -= end - at;
    if (this.#left === 0) {
      if (this.#state === 'meta') {
        this.#metaEnd();
        this.#startPadding();
      } else this.#state = 'header';
    }
    return end;
  }

  #header(buffer: Buffer, at: number, length: number): number {
    if (length - at < BLOCK) {
      // Only the end of the stream is not a multiple of the block size.
      if (this.#state === 'header') throw archiveError('unexpected end of the archive inside a header');
      this.#handler.raw(buffer, at, length);
      return length;
    }
    const block = buffer.subarray(at, at + BLOCK);
    this.#handler.raw(buffer, at, at + BLOCK);
    if (isZeroBlock(block)) this.#state = this.#state === 'one-zero' ? 'end' : 'one-zero';
    else if (this.#state === 'one-zero') throw archiveError('invalid tar header: data after a single zero block');
    else this.#member(parseHeader(block));
    return at + BLOCK;
  }

  #member(header: TarHeader): void {
    if (metaTypes.has(header.type)) {
      if (header.size > MAX_META_BYTES) throw archiveError('an extended tar header is larger than 1 MiB');
      this.#meta = { type: header.type, body: Buffer.alloc(header.size), filled: 0 };
      this.#left = header.size;
      this.#padding = (BLOCK - (header.size % BLOCK)) % BLOCK;
      this.#state = 'meta';
      if (header.size === 0) {
        this.#metaEnd();
        this.#state = 'header';
      }
      return;
    }
    const records = this.#records ?? new Map();
    mergePax(header, records);
    if (this.#longName !== undefined && this.#longName !== '') header.name = this.#longName;
    if (this.#longLink !== undefined && this.#longLink !== '') header.linkName = this.#longLink;
    if (header.type === '\0') header.type = header.name.endsWith('/') ? '5' : '0';
    this.#records = this.#longName = this.#longLink = undefined;
    const payload = isHeaderOnly(header.type) ? 0 : header.size;
    this.#handler.entry(Object.assign(header, { xattrs: xattrsOf(records), payload }));
    this.#left = payload;
    this.#padding = (BLOCK - (payload % BLOCK)) % BLOCK;
    if (payload === 0) this.#handler.entryEnd();
    this.#state = payload === 0 ? 'header' : 'data';
  }

  #metaEnd(): void {
    if (!this.#meta) return;
    const { type, body } = this.#meta;
    this.#meta = undefined;
    // Global records ('g') are checked and then change nothing, as in Go's reader.
    if (type === 'x') this.#records = parsePax(body);
    else if (type === 'g') parsePax(body);
    else {
      const end = body.indexOf(0);
      const text = body.toString('latin1', 0, end < 0 ? body.length : end);
      if (type === 'L') this.#longName = text;
      else this.#longLink = text;
    }
  }
}
