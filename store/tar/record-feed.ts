/**
 * Gives the segments of a layer's record to the reader of archives. Segments may be cut anywhere, the reader wants headers whole; content
 * that lies in the tree is skipped.
 */
import { archiveError, BLOCK } from './header.js';
import { type TarEntry, TarReader } from './reader.js';

export interface RecordHandler {
  member(entry: TarEntry): void;
  /** Content that the record itself has. */
  content(buffer: Buffer, start: number, end: number): void;
  /** @param inRecord bytes of content that came from the record */
  memberEnd(inRecord: number): void;
}

export class RecordFeed {
  readonly #reader: TarReader;
  /** The beginning of a block whose rest comes with the next segment. */
  readonly #block = Buffer.alloc(BLOCK);
  #begun = 0;
  /** Bytes of the archive so far. */
  #position = 0;
  #inRecord = 0;

  constructor({ member, content, memberEnd }: RecordHandler) {
    this.#reader = new TarReader({
      raw: () => undefined,
      entry: (entry) => {
        this.#inRecord = 0;
        member(entry);
      },
      data: (buffer, start, end) => {
        this.#inRecord += end - start;
        content(buffer, start, end);
      },
      entryEnd: () => memberEnd(this.#inRecord),
    });
  }

  /** Bytes of content that come next, from wherever. */
  get contentLeft(): number {
    return this.#begun === 0 ? this.#reader.contentLeft : 0;
  }

  skip(bytes: number): void {
    this.#reader.skipContent(bytes);
    this.#position += bytes;
  }

  raw(segment: Buffer): void {
    let at = 0;
    // Up to the next boundary of blocks: content and padding may begin anywhere, headers only there.
    if (this.#begun > 0) {
      at = segment.copy(this.#block, this.#begun, 0);
      this.#begun += at;
      if (this.#begun < BLOCK) return;
      this.#push(this.#block);
      this.#begun = 0;
    } else if (this.#position % BLOCK !== 0) {
      at = Math.min(segment.length, BLOCK - (this.#position % BLOCK));
      this.#push(segment.subarray(0, at));
    }
    const whole = at + Math.floor((segment.length - at) / BLOCK) * BLOCK;
    if (whole > at) this.#push(segment.subarray(at, whole));
    this.#begun = segment.copy(this.#block, 0, whole);
  }

  finish(): void {
    if (this.#begun > 0) this.#push(this.#block.subarray(0, this.#begun));
    this.#begun = 0;
    this.#reader.finish();
    if (this.#position === 0) throw archiveError('it records nothing');
  }

  #push(bytes: Buffer): void {
    this.#reader.push(bytes, bytes.length);
    this.#position += bytes.length;
  }
}
