/** Opening a data root, for reading or for writing. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  guardAgainstDaemon,
  isDataRoot,
  makeDataRoot,
  privateDir,
  refuseContainerdMode,
  reservePath,
  storeLockPath,
} from './data-root.js';
import { KnownError } from './errors.js';
import { acquire, type HeldLock } from './fs/lock.js';
import { keepReserve } from './fs/reserve.js';
import { sweepImages } from './images/sweep-images.js';
import { sweepPartialBlobs } from './layers/partial-blob.js';
import { sweepRemovals } from './layers/release.js';
import { sweepStaging } from './layers/staging.js';

export interface Store extends Disposable {
  /** The data root, absolute. */
  readonly root: string;
  /**
   * Runs `change` while no other process, and no other call in this one, changes metadata: everything that reads, decides and
   * writes more than one file. Keep it short; unpacking happens outside.
   */
  exclusive<T>(change: () => T | Promise<T>): Promise<T>;
  close(): void;
}

/** The data root that the programs use: `TSPULL_ROOT`, else /var/lib/tspull for root. */
export function defaultRoot(env: NodeJS.ProcessEnv = process.env): string {
  const named = env['TSPULL_ROOT'];
  if (named !== undefined && named !== '') return named;
  if (process.getuid?.() === 0) return '/var/lib/tspull';
  throw new KnownError('E_PERMISSION', 'the default data root /var/lib/tspull belongs to root', {
    hint: 'run as root, or name a directory of your own with --root or TSPULL_ROOT',
  });
}

/** Opens a root that exists or not: a missing one reads as empty. Reading takes no lock; every file is replaced by rename. */
export function openForReading(root: string): { root: string } {
  return { root: resolve(root) };
}

/**
 * Opens a root for writing: makes it where missing, refuses one that a dockerd is running on or that is in containerd mode,
 * and removes what killed writers left.
 *
 * @throws KnownError E_STORE_BUSY, E_STORE_MODE, E_PERMISSION, E_STORE_IO
 */
export async function openForWriting(path: string, signal?: AbortSignal): Promise<Store> {
  const root = checkPath(path);
  refuseContainerdMode(root);
  if (!existsSync(privateDir(root)) || !existsSync(resolve(root, 'volumes'))) makeDataRoot(root);
  const guard = guardAgainstDaemon(root);
  const store = storeOf(root, guard, signal);
  try {
    await store.exclusive(() => {
      makeDataRoot(root);
      sweepStaging(root);
      sweepPartialBlobs(root);
      sweepRemovals(root);
      sweepImages(root);
      keepReserve(reservePath(root));
    });
  } catch (error) {
    guard.release();
    throw error;
  }
  return store;
}

/**
 * Opens a root to run containers from. What killed writers left is none of a container's business and stays for the next
 * writer, unless the root is new to us.
 *
 * @throws KnownError as {@link openForWriting}
 */
export async function openForRunning(path: string): Promise<Store> {
  const root = checkPath(path);
  if (!isDataRoot(root)) return await openForWriting(path);
  return storeOf(root, guardAgainstDaemon(root), undefined);
}

function checkPath(path: string): string {
  const root = resolve(path);
  if (root.includes(':') || root.includes(','))
    throw new KnownError(
      'E_STORE',
      `the data root ${JSON.stringify(root)} has a ":" or "," in its path, which overlayfs and Docker cannot mount`,
    );
  return root;
}

function storeOf(root: string, guard: HeldLock, signal: AbortSignal | undefined): Store {
  const close = () => guard.release();
  return {
    root,
    async exclusive(change) {
      using _lock = await acquire(storeLockPath(root), 'exclusive', { signal });
      return await change();
    },
    close,
    [Symbol.dispose]: close,
  };
}
