/** The files that images come in: members of an archive, or a directory. Nothing is ever written or unpacked here. */
import { KnownError } from '../errors.js';
import { type FileRange, readRange } from '../fs/file-range.js';
import { printable } from '../printable.js';

export interface ImageFiles extends Disposable {
  /** The path of the archive or directory, for messages. */
  readonly name: string;
  /**
   * The bytes of a file, with links followed inside; undefined where there is none.
   *
   * @throws KnownError E_ARCHIVE for what is no regular file or leads elsewhere
   */
  find(path: string): FileRange | undefined;
  /** Lets go of descriptors: ranges are no longer valid. */
  close(): void;
}

/** Documents of one archive together; a thousand images have less. */
const maxDocumentBytes = 128 * 1024 * 1024;

export interface DocumentReader {
  /**
   * A document that is there, whole.
   *
   * @throws KnownError E_ARCHIVE when it is missing or cannot be read, E_DOCUMENT when it is too large
   */
  read(path: string, what: string, maxBytes: number): Buffer;
}

/** Reads documents, and refuses when they become too many to be kept in memory. */
export function documentsOf(files: ImageFiles): DocumentReader {
  let left = maxDocumentBytes;
  return {
    read(path, what, maxBytes) {
      const range = files.find(path);
      if (range === undefined) throw missingFile(files, path, what);
      if (range.size > maxBytes)
        throw new KnownError('E_DOCUMENT', `${what} has ${range.size} bytes, more than ${maxBytes}`);
      left -= range.size;
      if (left < 0)
        throw new KnownError('E_DOCUMENT', `the documents of the images have more than ${maxDocumentBytes} bytes`);
      const bytes = Buffer.alloc(range.size);
      readRange(range, 0, bytes);
      return bytes;
    },
  };
}

export function missingFile(files: ImageFiles, path: string, what: string): KnownError {
  const name = printable(files.name, 300);
  return new KnownError('E_ARCHIVE', `"${name}" lacks ${what}: there is no "${printable(path, 200)}" in it`);
}
