/**
 * Layers of an image that are recorded and cannot be used: a directory or a link of them is gone, or the machine went down shortly after
 * they were pulled and they are not what they were. A pull puts them right before it relies on them. Everything else is for `fsck`.
 */
import { statSync } from 'node:fs';
import { KnownError } from '../../store/errors.js';
import { removeTree } from '../../store/fs/remove-tree.js';
import { layerRecordDir, readLayer } from '../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../store/layers/lease.js';
import { markProven, unprovenOf } from '../../store/layers/unproven.js';
import type { ChainId } from '../../store/oci/digest.js';
import { layerDirs } from '../../store/overlay2/layer-dir.js';
import type { Store } from '../../store/store.js';
import type { LayerPlan } from './layer-plan.js';
import { isUsable, needMending } from './need-mending.js';
import type { RefetchContext } from './refetch-layer.js';

/** Before layers are claimed. @throws KnownError as fetching does, E_CONFLICT when somebody relies on a damaged layer */
export async function mendLayers(plans: readonly LayerPlan[], context: RefetchContext): Promise<void> {
  const { store } = context;
  const { root } = store;
  const chain = plans.map(({ chainId }) => chainId);
  if (!needMending(root, chain)) return;
  await writeSmallFiles(store);
  const { proveLayer } = await import('../../store/upkeep/prove-layer.js');
  for (const plan of plans) {
    const { chainId } = plan;
    const isDoubtful = unprovenOf(root, [chainId]).length > 0;
    if (isUsable(root, chainId) && !(isDoubtful && !proveLayer(root, chainId).isGood)) {
      if (isDoubtful) markProven(root, chainId);
      continue;
    }
    if (!(await bringAgain(plan, context)))
      throw new KnownError('E_CONFLICT', `layer ${chainId} is damaged, and somebody relies on it`, {
        hint: 'stop the containers of images that have it, then try again',
      });
    markProven(root, chainId);
  }
}

/** In place where there is a place; otherwise its record goes, and it is a layer that is missing. */
async function bringAgain(plan: LayerPlan, context: RefetchContext): Promise<boolean> {
  const { root } = context.store;
  const record = readLayer(root, plan.chainId);
  const dir = record === undefined ? undefined : layerDirs(root, record.cacheId);
  if (dir !== undefined && statSync(dir.link, { throwIfNoEntry: false })?.isFile()) {
    const { refetchLayer } = await import('./refetch-layer.js');
    return await refetchLayer(plan, context);
  }
  return await context.store.exclusive(() => {
    using lease = tryHoldLayer(root, plan.chainId, 'exclusive');
    if (lease !== undefined) removeTree(layerRecordDir(root, plan.chainId));
    return lease !== undefined;
  });
}

/** After layers have been brought: those above may name what is not there any more. */
export async function mendStacks(store: Store, layers: readonly ChainId[]): Promise<void> {
  if (needMending(store.root, layers)) await writeSmallFiles(store);
}

function writeSmallFiles(store: Store): Promise<void> {
  return store.exclusive(async () => {
    const { examineOnce } = await import('../../store/upkeep/examine.js');
    const { applySmallFixes } = await import('../../store/upkeep/small-fixes.js');
    const { findings } = examineOnce(store.root);
    const wanted = findings.filter(({ area }) => ['layer-record', 'layer-directory', 'short-link'].includes(area));
    applySmallFixes(store.root, wanted, () => undefined);
  });
}
