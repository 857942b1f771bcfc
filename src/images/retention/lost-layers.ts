/** Layers that a pull or a removal left when it was killed: an image that names them never came, or went before them. */
import { releaseLayers } from '../../../store/layers/release.js';
import type { Store } from '../../../store/store.js';
import type { Pruned } from '../prune.js';
import { readRootFacts } from './root-facts.js';

/** Removes them, except those that somebody is at work with. */
export async function collectLostLayers(store: Store): Promise<Pruned> {
  const { root } = store;
  if (readRootFacts(root).lost.length === 0) return { items: [], freed: 0 };
  return await store.exclusive(() => {
    const { lost, layers } = readRootFacts(root);
    const isLost = new Set(lost);
    const staying = [...layers.keys()].filter((chainId) => !isLost.has(chainId));
    const removed = lost.flatMap((top) => releaseLayers(root, top, staying));
    const freed = removed.reduce((sum, chainId) => sum + (layers.get(chainId)?.size ?? 0), 0);
    return { items: removed.map((deleted) => ({ deleted })), freed };
  });
}
