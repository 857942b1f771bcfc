/**
 * Who brings a layer: it is here, or we fetch it, or another process is doing so. Leases are taken from the lowest layer up without
 * waiting; whoever waits for a layer holds none that the other one needs to finish it, so there is no deadlock.
 */
import type { HeldLock } from '../../store/fs/lock.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { holdLayer, tryHoldLayer } from '../../store/layers/lease.js';
import type { ChainId } from '../../store/oci/digest.js';

export type Claim =
  /** Registered; the lease keeps it from being removed. */
  | { kind: 'exists'; lease: HeldLock }
  /** Not here, and nobody else may fetch it while the lease is held. */
  | { kind: 'ours'; lease: HeldLock };

/** Undefined when another process holds the layer exclusively. */
export function tryClaim(root: string, chainId: ChainId): Claim | undefined {
  const shared = tryHoldLayer(root, chainId, 'shared');
  if (shared === undefined) return undefined;
  if (readLayer(root, chainId) !== undefined) return { kind: 'exists', lease: shared };
  shared.release();
  const lease = tryHoldLayer(root, chainId, 'exclusive');
  if (lease === undefined) return undefined;
  if (readLayer(root, chainId) === undefined) return { kind: 'ours', lease };
  lease.release();
  return tryClaim(root, chainId);
}

/** Waits until the other process is done with the layer, or dead. */
export async function waitForClaim(root: string, chainId: ChainId, signal: AbortSignal): Promise<Claim> {
  for (;;) {
    const shared = await holdLayer(root, chainId, 'shared', { signal });
    shared.release();
    const claim = tryClaim(root, chainId);
    if (claim !== undefined) return claim;
  }
}
