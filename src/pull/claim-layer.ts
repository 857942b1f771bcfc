/**
 * Who brings a layer: it is here, or we fetch it, or another process is doing so. Leases are taken from the lowest layer up without
 * waiting; whoever waits for a layer holds none that the other one needs to finish it, so there is no deadlock.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLock } from '../../store/fs/lock.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../store/layers/lease.js';
import type { ChainId } from '../../store/oci/digest.js';

export type Claim =
  /** Registered; the lease keeps it from being removed. */
  | { kind: 'exists'; lease: HeldLock }
  /** Not here, and nobody else may fetch it while the lease is held. */
  | { kind: 'ours'; lease: HeldLock };

/**
 * Undefined when another process is at work on the layer. A lock is only ever tried in the mode that the layer's state asks for:
 * were it taken shared to look whether the layer is there, many that look at once would keep each other from fetching it.
 */
export function tryClaim(root: string, chainId: ChainId): Claim | undefined {
  if (readLayer(root, chainId) !== undefined) {
    const lease = tryHoldLayer(root, chainId, 'shared');
    if (lease === undefined) return undefined;
    if (readLayer(root, chainId) !== undefined) return { kind: 'exists', lease };
    // Removed in between.
    lease.release();
  }
  const lease = tryHoldLayer(root, chainId, 'exclusive');
  if (lease === undefined) return undefined;
  if (readLayer(root, chainId) === undefined) return { kind: 'ours', lease };
  // Finished in between.
  lease.release();
  return undefined;
}

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 50;

/** Waits until the other process is done with the layer, or dead. */
export async function waitForClaim(root: string, chainId: ChainId, signal: AbortSignal): Promise<Claim> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    await sleep(waitMs, undefined, { signal });
    const claim = tryClaim(root, chainId);
    if (claim !== undefined) return claim;
  }
}
