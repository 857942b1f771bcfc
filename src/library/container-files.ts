/** Files of containers that exist, running or not: between them and the host, as archives, and as images. */
import type { Readable } from 'node:stream';
import { defaultRoot, openForRunning, openForWriting } from '../../store/store.js';
import { type CommitOptions, commitContainer } from '../life/commit/commit-container.js';
import {
  archiveFromContainer,
  type CopyFlags,
  copyFromContainer,
  copyToContainer,
  extractToContainer,
} from '../life/files/copy-files.js';
import { exportContainer } from '../life/files/export.js';
import type { RootOption } from './images.js';
import { readableOf } from './streams.js';

export type CopyOptions = RootOption & CopyFlags;
type Streamed = RootOption & { signal?: AbortSignal };

async function inRoot<T>(root: string | undefined, work: (root: string) => Promise<T>): Promise<T> {
  using store = await openForRunning(root ?? defaultRoot());
  return await work(store.root);
}

export const containerFilesApi = {
  /**
   * Makes an image of a container's files.
   *
   * @param target the name of the image; without one it has only its id
   * @returns the id of the image
   */
  async commit(name: string, target?: string, { root, ...options }: RootOption & CommitOptions = {}): Promise<string> {
    using store = await openForWriting(root ?? defaultRoot());
    return await commitContainer(store, name, target, options);
  },

  /** All its files as a tar archive, without what is mounted into it. */
  export: (name: string, { root, signal }: Streamed = {}): Readable =>
    readableOf((sink) => inRoot(root, (place) => exportContainer(place, name, sink)), signal),

  /** To the host, by the rules of `docker cp`. */
  copyFrom: (name: string, path: string, to: string, { root, ...flags }: CopyOptions = {}): Promise<void> =>
    inRoot(root, (place) => copyFromContainer(place, { container: name, path }, to, flags)),

  /** From the host, by the rules of `docker cp`. */
  copyTo: (name: string, path: string, from: string, { root, ...flags }: CopyOptions = {}): Promise<void> =>
    inRoot(root, (place) => copyToContainer(place, from, { container: name, path }, flags)),

  /** A file or directory as a tar archive. */
  archive: (name: string, path: string, { root, signal, ...flags }: CopyOptions & Streamed = {}): Readable =>
    readableOf(
      (sink) => inRoot(root, (place) => archiveFromContainer(place, { container: name, path }, sink, flags)),
      signal,
    ),

  /** Unpacks a tar archive in a directory of the container that is there. */
  extract: (
    name: string,
    path: string,
    archive: AsyncIterable<Buffer>,
    { root, ...flags }: CopyOptions = {},
  ): Promise<void> => inRoot(root, (place) => extractToContainer(place, { container: name, path }, archive, flags)),
};
