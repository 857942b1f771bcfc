/**
 * Writes `tar-split.json.gz`: what is needed, besides the tree, to give back a layer's exact archive. One JSON object a
 * line: type 2 holds raw bytes, type 1 names a file whose content comes from the tree (with its length and CRC-64). Any division
 * is legal as long as the concatenation is the archive; content that the tree does not hold goes into raw segments.
 * Format: github.com/vbatts/tar-split, tar/storage/entry.go.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import { Crc64 } from './crc64.js';
import { ZlibSync } from './zlib-sync.js';

/** A segment longer than this is cut, so that junk after the archive's end cannot fill the memory. */
const MAX_SEGMENT_BYTES = 1024 * 1024;

/** Lines collected before they are compressed. */
const BATCH_BYTES = 256 * 1024;

/** Fast: the text is base64 of headers, which stronger levels shrink little. */
const GZIP_LEVEL = 3;

export class TarSplitWriter {
  readonly #fd: number;
  readonly #gzip = new ZlibSync('gzip', GZIP_LEVEL);
  readonly #output = Buffer.allocUnsafeSlow(BATCH_BYTES);
  readonly #crc = new Crc64();
  #lines: string[] = [];
  #linesLength = 0;
  #position = 0;
  #raw = Buffer.allocUnsafeSlow(64 * 1024);
  #rawLength = 0;
  #file: { name: string; size: number } | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
    fchmodSync(this.#fd, 0o644);
  }

  raw(buffer: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#rawLength >= MAX_SEGMENT_BYTES) this.#endSegment();
      const length = Math.min(end - at, MAX_SEGMENT_BYTES - this.#rawLength);
      this.#reserve(length);
      buffer.copy(this.#raw, this.#rawLength, at, at + length);
      this.#rawLength += length;
      at += length;
    }
  }

  /** A member whose content, if any, lies in the tree under `name` (latin1 bytes). */
  startFile(name: string, size: number): void {
    this.#endSegment();
    this.#file = { name, size };
    this.#crc.reset();
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#file === undefined) this.raw(buffer, start, end);
    else this.#crc.update(buffer, start, end);
  }

  endFile(): void {
    if (this.#file === undefined) return;
    const { name, size } = this.#file;
    this.#file = undefined;
    const content = size === 0 ? '"payload":null' : `"size":${size},"payload":"${this.#crc.base64()}"`;
    this.#line(`{"type":1,${nameField(name)},${content}`);
  }

  /** Writes what is left; {@link close} follows. */
  finish(): void {
    this.#endSegment();
    this.#compress(true);
  }

  close(): void {
    this.#gzip.close();
    closeSync(this.#fd);
  }

  #reserve(length: number): void {
    if (this.#rawLength + length <= this.#raw.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#raw.length * 2, this.#rawLength + length));
    this.#raw.copy(larger, 0, 0, this.#rawLength);
    this.#raw = larger;
  }

  #endSegment(): void {
    if (this.#rawLength === 0) return;
    this.#line(`{"type":2,"payload":"${this.#raw.toString('base64', 0, this.#rawLength)}"`);
    this.#rawLength = 0;
  }

  #line(start: string): void {
    const line = `${start},"position":${this.#position++}}\n`;
    this.#lines.push(line);
    this.#linesLength += line.length;
    if (this.#linesLength >= BATCH_BYTES) this.#compress(false);
  }

  #compress(finish: boolean): void {
    const input = Buffer.from(this.#lines.join(''), 'utf8');
    this.#lines = [];
    this.#linesLength = 0;
    for (let at = 0; ; ) {
      const step = this.#gzip.step(input, at, this.#output, 0, finish);
      at += step.read;
      for (let from = 0; from < step.written; ) from += writeSync(this.#fd, this.#output, from, step.written - from);
      if (step.written < this.#output.length && at === input.length) return;
    }
  }
}

const goEscapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** A JSON string as Go's encoder writes it. */
function goString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => goEscapes[character] ?? character);
}

function nameField(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return `"name":${goString(name)}`;
  const bytes = Buffer.from(name, 'latin1');
  return isUtf8(bytes) ? `"name":${goString(bytes.toString('utf8'))}` : `"name_raw":"${bytes.toString('base64')}"`;
}
