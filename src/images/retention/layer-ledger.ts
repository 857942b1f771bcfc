/** Who holds which layer: what goes when an image does, and what it shares with others. */
import type { ChainId } from '../../../store/oci/digest.js';
import { chainOf, type RootFacts } from './root-facts.js';

export interface LayerLedger {
  /** Bytes of all layers that are held. */
  total(): number;
  /** Bytes of the layers that nobody else holds. */
  unique(chain: readonly ChainId[]): number;
  /** Lets the holder of the chain go. @returns bytes of the layers that nobody holds any more */
  release(chain: readonly ChainId[]): number;
  /** Undoes {@link LayerLedger.release}. */
  restore(chain: readonly ChainId[]): void;
}

/** Holders are images, containers, and layers that no image names and that are not lost either. */
export function openLedger({ images, layers, mounts, lost }: RootFacts): LayerLedger {
  const holders = new Map<ChainId, number>();
  let total = 0;
  const sizeOf = (chainId: ChainId) => layers.get(chainId)?.size ?? 0;
  const hold = (chain: readonly ChainId[]) => {
    for (const chainId of new Set(chain)) {
      const before = holders.get(chainId) ?? 0;
      if (before === 0) total += sizeOf(chainId);
      holders.set(chainId, before + 1);
    }
  };
  const release = (chain: readonly ChainId[]) => {
    const before = total;
    for (const chainId of new Set(chain)) {
      const left = (holders.get(chainId) ?? 0) - 1;
      holders.set(chainId, left);
      if (left === 0) total -= sizeOf(chainId);
    }
    return before - total;
  };
  for (const { chain } of images) hold(chain);
  for (const top of mounts) hold(chainOf(layers, top));
  const gone = new Set(lost);
  for (const chainId of layers.keys())
    if ((holders.get(chainId) ?? 0) === 0 && !gone.has(chainId)) hold(chainOf(layers, chainId));
  return {
    total: () => total,
    unique: (chain) => chain.reduce((sum, chainId) => sum + (holders.get(chainId) === 1 ? sizeOf(chainId) : 0), 0),
    release,
    restore: hold,
  };
}
