/**
 * Proves an unpacked layer: its archive is put together again from the record of its headers and the files of its tree, in one pass. The
 * sha256 of all of it is the diffID or something is wrong; then the checksums of the files tell which. The headers are read on the way and
 * compared with the tree (tree-check.ts), because a changed mode or a name too many changes no byte of the archive.
 *
 * Nothing that is found ends the pass: what cannot be read is left out, and the digest cannot be right any more.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { errnoCode, KnownError } from '../errors.js';
import { openAt } from '../linux/inode.js';
import { Crc64 } from './crc64.js';
import type { TreeOrigin } from './expected-inode.js';
import { layersBelow } from './hidden-below.js';
import { type LayerFault, LayerFaults } from './layer-faults.js';
import type { TarEntry } from './reader.js';
import { RecordFeed } from './record-feed.js';
import { gzipWriter } from './tar-split-head.js';
import { readTarSplit, type SplitFile } from './tar-split-reader.js';
import { type FoundFile, TreeCheck, treePath } from './tree-check.js';
import { OPEN_DIRECTORY, TreeDirectories } from './tree-directories.js';

export interface LayerToVerify {
  /** `tar-split.json.gz` */
  record: string;
  /** The tree. */
  diff: string;
  /** `diff` directories of the layers below, uppermost first. */
  below: readonly string[];
  /** See {@link TreeOrigin}. */
  isSource: boolean;
  idBase: number | undefined;
}

export interface LayerVerdict {
  /** At most a hundred; `faultCount` counts all. */
  faults: readonly LayerFault[];
  faultCount: number;
  /** sha256 of the archive, `sha256:…`; undefined where it could not be put together. */
  digest: string | undefined;
  /** Docker has recorded members so that nobody can put the archive together; what could be compared was. */
  isUnprovable: boolean;
  /** What layerdb's `size` may be, the first one what tspull writes. */
  sizes: readonly number[];
  /** Of the archive. */
  bytes: number;
}

/** Of what is hashed at a time; a file of some length is read into it in one call. */
const CHUNK_BYTES = 1024 * 1024;
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

export function verifyLayer(layer: LayerToVerify): LayerVerdict {
  const faults = new LayerFaults();
  const verifier = new LayerVerifier(layer, faults);
  try {
    const root = openTree(layer.diff, faults);
    if (root === undefined) return verdictOf(faults, verifier);
    try {
      verifier.run(root);
    } finally {
      closeSync(root);
    }
    return verdictOf(faults, verifier);
  } finally {
    verifier.close();
  }
}

function verdictOf(faults: LayerFaults, { digest, isUnprovable, sizes, bytes }: LayerVerifier): LayerVerdict {
  return { faults: faults.list, faultCount: faults.count, digest, isUnprovable, sizes, bytes };
}

function openTree(path: string, faults: LayerFaults): number | undefined {
  try {
    return openSync(path, OPEN_DIRECTORY);
  } catch (error) {
    const code = errnoCode(error);
    if (code === undefined || code === 'EACCES') throw error;
    faults.add(code === 'ENOENT' ? 'missing' : 'unreadable', '', undefined, code);
    return undefined;
  }
}

class LayerVerifier {
  readonly #layer: LayerToVerify;
  readonly #faults: LayerFaults;
  readonly #hash = createHash('sha256');
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #filled = 0;
  readonly #crc = new Crc64();
  #isComplete = true;
  #directories: TreeDirectories | undefined;
  #check: TreeCheck | undefined;
  #current: { entry: TarEntry; file: FoundFile | undefined } | undefined;
  bytes = 0;
  digest: string | undefined;
  isUnprovable = false;
  sizes: readonly number[] = [];

  constructor(layer: LayerToVerify, faults: LayerFaults) {
    this.#layer = layer;
    this.#faults = faults;
  }

  run(root: number): void {
    const writer = gzipWriter(this.#layer.record);
    if (writer === 'odd') this.#faults.add('record', undefined, 'a gzip header of Docker or tspull', 'another one');
    const { isSource, idBase, below } = this.#layer;
    const origin: TreeOrigin = { isOurs: writer === 'tspull' && !isSource, isSource, idBase };
    this.#directories = new TreeDirectories(root);
    const options = { directories: this.#directories, origin, below: layersBelow(below), faults: this.#faults };
    const check = new TreeCheck(options);
    this.#check = check;
    const feed = new RecordFeed({
      member: (entry) => {
        this.#current = { entry, file: check.member(entry) };
      },
      content: (buffer, start, end) => this.#crc.update(buffer, start, end),
      memberEnd: (inRecord) => this.#memberEnd(inRecord),
    });
    if (!this.#records(feed)) return;
    check.finish(root);
    const { inodes, headers, contents } = check.sizes;
    this.sizes = origin.isOurs ? [inodes] : [inodes, headers, contents];
    if (this.#isComplete && !this.isUnprovable)
      this.digest = `sha256:${this.#hash.update(this.#chunk.subarray(0, this.#filled)).digest('hex')}`;
  }

  close(): void {
    this.#directories?.close();
  }

  /** False when the record itself is damaged: then nothing can be said of what it does not name. */
  #records(feed: RecordFeed): boolean {
    try {
      for (const record of readTarSplit(this.#layer.record)) {
        if ('raw' in record) {
          this.#bytes(record.raw);
          feed.raw(record.raw);
        } else this.#file(record, feed);
      }
      feed.finish();
      return true;
    } catch (error) {
      const isWrong = error instanceof KnownError && error.code === 'E_ARCHIVE';
      const code = errnoCode(error);
      if (!isWrong && (code === undefined || code === 'EACCES')) throw error;
      // Docker takes these, and cannot give them back itself.
      if (isWrong && error.message.startsWith('sparse files')) this.isUnprovable = true;
      else
        this.#faults.add(
          code === 'ENOENT' ? 'missing' : 'record',
          undefined,
          undefined,
          isWrong ? error.message : code,
        );
      return false;
    }
  }

  #file(record: SplitFile, feed: RecordFeed): void {
    const { contentLeft } = feed;
    this.#crc.reset();
    if (record.size === 0) return;
    const { entry, file } = this.#current ?? {};
    if (entry === undefined) {
      this.#isUnfit(record);
      return;
    }
    if (contentLeft === 0) {
      // A size that says nothing: of a link or directory.
      if (entry.size !== record.size) this.#isUnfit(record);
      return;
    }
    if (contentLeft !== record.size || treePath(entry.name) !== treePath(record.name.toString('latin1'))) {
      this.#isUnfit(record);
      return;
    }
    if (file !== undefined) this.#content(file, record);
    else {
      // Docker drops what a whiteout contains.
      this.isUnprovable ||= /(?:^|\/)\.wh\.[^/]*$/.test(entry.name);
      this.#isComplete = false;
    }
    feed.skip(record.size);
  }

  #isUnfit(record: SplitFile): void {
    this.#isComplete = false;
    this.#faults.add('record', record.name.toString('latin1'), undefined, 'a file that the headers do not have');
  }

  /** Content that follows in the record itself is compared as soon as all of it has come. */
  #memberEnd(inRecord: number): void {
    const { entry, file } = this.#current ?? {};
    if (inRecord > 0 && file !== undefined && entry?.type === '0') {
      const expected = this.#crc.base64();
      const own = new Crc64();
      if (this.#read(file, inRecord, (buffer, start, end) => own.update(buffer, start, end), false)) {
        if (own.base64() !== expected) this.#faults.add('content', file.place.name, expected, own.base64());
      }
    }
    this.#crc.reset();
  }

  #content(file: FoundFile, { size, crc }: SplitFile): void {
    const isWhole = this.#read(file, size, (buffer, start, end) => this.#crc.update(buffer, start, end), true);
    if (!isWhole) this.#isComplete = false;
    else if (this.#crc.base64() !== crc) this.#faults.add('content', file.place.name, crc, this.#crc.base64());
  }

  /** Reads into the chunk that is hashed. False when it cannot be read to its end. */
  #read(
    file: FoundFile,
    size: number,
    onBytes: (buffer: Buffer, start: number, end: number) => void,
    isHashed: boolean,
  ): boolean {
    const { place, inode } = file;
    if (inode.size !== size) {
      this.#faults.add('content', place.name, `${size} bytes`, `${inode.size} bytes`);
      return false;
    }
    const buffer = isHashed ? this.#chunk : Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let fd: number | undefined;
    try {
      fd = openAt(place.dir, place.base, OPEN_FILE);
      this.#check?.attributes(file, fd);
      for (let left = size; left > 0; ) {
        const at = isHashed ? this.#filled : 0;
        const got = readSync(fd, buffer, at, Math.min(left, buffer.length - at), null);
        if (got === 0) {
          this.#faults.add('content', place.name, `${size} bytes`, `${size - left} bytes`);
          return false;
        }
        onBytes(buffer, at, at + got);
        left -= got;
        if (isHashed) this.#advance(got);
      }
      return true;
    } catch (error) {
      const code = errnoCode(error);
      if (code === undefined || code === 'EACCES') throw error;
      this.#faults.add('unreadable', place.name, undefined, code);
      return false;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #bytes(raw: Buffer): void {
    for (let at = 0; at < raw.length; ) {
      const taken = raw.copy(this.#chunk, this.#filled, at);
      at += taken;
      this.#advance(taken);
    }
  }

  #advance(bytes: number): void {
    this.bytes += bytes;
    this.#filled += bytes;
    if (this.#filled < this.#chunk.length) return;
    this.#hash.update(this.#chunk);
    this.#filled = 0;
  }
}
