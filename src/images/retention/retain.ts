/** Carrying out a retention policy, beside running pulls, saves and containers. */
import { topLayerOf } from '../../../store/images/image-document.js';
import { lastUseOrArrival } from '../../../store/images/last-use.js';
import { namesByImage } from '../../../store/images/repositories.js';
import type { ImageId } from '../../../store/oci/digest.js';
import type { Store } from '../../../store/store.js';
import { readImageIndex } from '../find.js';
import { imageUsers } from '../image-users.js';
import { isReliedOn, type Pruned, type PruneOptions, pruneFilters, removeAll } from '../prune.js';
import { collectLostLayers } from './lost-layers.js';
import { type PlannedRemoval, planRetention, type RetentionPlan } from './plan-retention.js';
import type { RetentionPolicy } from './policy.js';
import { readRootFacts } from './root-facts.js';

export interface RetentionOptions extends PruneOptions {
  policy: RetentionPolicy;
}

export interface Retained extends Pruned {
  /** What a plan of the root says now: what is kept, and why. */
  left: RetentionPlan;
}

/** Others may change the root all the time; then what is left is what the last look found. */
const MOST_PASSES = 8;

/**
 * Plans, removes one image after the other, each in an exclusive section of its own that looks again whether the plan still holds for it,
 * and plans anew until nothing is left to be done. It may stop anywhere; the next one goes on.
 *
 * @throws KnownError E_USAGE for filters and patterns that mean nothing, before anything is removed
 */
export async function retainImages(store: Store, options: RetentionOptions): Promise<Retained> {
  const obstacles = new Map<ImageId, string>();
  let plan = planPrune(store.root, options, obstacles);
  const { items, freed } = await collectLostLayers(store);
  const done = { items, freed };
  for (let pass = 0; pass < MOST_PASSES && plan.removals.length > 0; pass++) {
    for (const removal of plan.removals) {
      options.signal.throwIfAborted();
      const outcome = await store.exclusive(() => removeIfUnchanged(store.root, removal));
      if (typeof outcome === 'string') obstacles.set(removal.image.id, outcome);
      else if (outcome !== undefined) {
        done.items.push(...outcome.items);
        done.freed += outcome.freed;
      }
    }
    plan = planPrune(store.root, options, obstacles);
  }
  return { ...done, left: plan };
}

/** What would be done, without a lock: what somebody is at work with is found out only when it is done. @throws KnownError E_USAGE */
export function planPrune(
  root: string,
  { policy, all, filters }: Omit<RetentionOptions, 'signal'>,
  obstacles: ReadonlyMap<ImageId, string> = new Map(),
): RetentionPlan {
  const now = Date.now();
  const index = readImageIndex(root);
  const accepts = pruneFilters(index, filters, now);
  return planRetention(readRootFacts(root), {
    policy,
    all: all || decidesByItself(policy),
    accepts(id) {
      const image = index.images.get(id);
      return image !== undefined && accepts(image);
    },
    obstacles,
    now,
  });
}

/** Such a policy says itself which images with a tag go. */
export function decidesByItself({ keepLast, unusedForMs, maxBytes }: RetentionPolicy): boolean {
  return keepLast !== undefined || unusedForMs !== undefined || maxBytes !== undefined;
}

/** Undefined when it is no longer what was planned for: the next plan sees that. A text is why it has to stay. */
function removeIfUnchanged(root: string, { image }: PlannedRemoval): Pruned | string | undefined {
  const index = readImageIndex(root);
  const record = index.images.get(image.id);
  if (record === undefined) return undefined;
  const names = namesByImage(index.repositories).get(image.id) ?? [];
  const keys = names.map(({ key }) => key);
  if (keys.join() !== image.names.map(({ key }) => key).join()) return undefined;
  if (lastUseOrArrival(root, image.id) > image.lastUsed) return undefined;
  if (imageUsers(root).some((user) => user.image === image.id)) return undefined;
  if (isReliedOn(root, topLayerOf(record))) return 'a pull, a save or a start is at work with it';
  const removed = removeAll(root, record, names);
  return removed.items.length > 0 ? removed : 'it cannot be removed';
}
