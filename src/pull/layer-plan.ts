/** The layers of one image in chain order: what each is made from and what it stands on. */

import type { Descriptor } from '../../store/oci/descriptor.js';
import { type ChainId, chainIdsOf, type DiffId } from '../../store/oci/digest.js';
import type { ResolvedImage } from './resolve-image.js';

export interface LayerPlan {
  /** 0 is the lowest layer. */
  index: number;
  blob: Descriptor;
  diffId: DiffId;
  chainId: ChainId;
  parent: ChainId | undefined;
}

export function planLayers({ manifest, config }: Pick<ResolvedImage, 'manifest' | 'config'>): LayerPlan[] {
  const chain = chainIdsOf(config.diffIds);
  return manifest.layers.flatMap((blob, index) => {
    const diffId = config.diffIds[index];
    const chainId = chain[index];
    return diffId === undefined || chainId === undefined
      ? []
      : [{ index, blob, diffId, chainId, parent: chain[index - 1] }];
  });
}
