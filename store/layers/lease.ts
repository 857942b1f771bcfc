/**
 * Who works on a layer, over all processes: one lock file a chainID. A puller holds it exclusively while it fetches the layer, so
 * that nobody else fetches it too, and shared from then on until its image is recorded, so that nobody removes it.
 */
import { join } from 'node:path';
import { privateDir } from '../data-root.js';
import { type AcquireOptions, acquire, type HeldLock, removeLockFile, tryAcquire } from '../fs/lock.js';
import type { LockMode } from '../linux/flock.js';
import { type ChainId, hexOf } from '../oci/digest.js';

/** Whoever fetched the layer or relied on it has left this file. */
export function lockPath(root: string, chainId: ChainId): string {
  return join(privateDir(root), 'locks', hexOf(chainId));
}

export function tryHoldLayer(root: string, chainId: ChainId, mode: LockMode): HeldLock | undefined {
  return tryAcquire(lockPath(root, chainId), mode);
}

export function holdLayer(root: string, chainId: ChainId, mode: LockMode, options?: AcquireOptions): Promise<HeldLock> {
  return acquire(lockPath(root, chainId), mode, options);
}

/** Removes the lock file of a layer that is gone, while it is held exclusively; whoever waits for it notices. */
export function forgetLock(root: string, chainId: ChainId): void {
  removeLockFile(lockPath(root, chainId));
}
