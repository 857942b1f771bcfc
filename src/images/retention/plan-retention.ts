/**
 * Which images go, and why each of the others stays. Pure: the same facts and rules give the same plan.
 *
 * 1. What has a reason to stay stays, whatever the quota: see `reasons-to-stay.ts`.
 * 2. Of the others go, least recently used first: those that were not used for long; and as many as the quota asks for; with neither
 *    rule, all of them.
 * 3. What went for the quota without need comes back: it may have shared its layers with what stays.
 */
import type { ImageId } from '../../../store/oci/digest.js';
import { type LayerLedger, openLedger } from './layer-ledger.js';
import { reasonsToStay, type StayRules } from './reasons-to-stay.js';
import type { ImageFacts, RootFacts } from './root-facts.js';

export interface RetentionRules extends StayRules {
  /** Milliseconds since 1970. */
  now: number;
}

export interface PlannedRemoval {
  readonly image: ImageFacts;
  readonly why: string;
  /** Untagged images that it was built from, and that go with it. */
  readonly origins: readonly ImageFacts[];
  /** Bytes of all its layers; of those that it shares with no other image or container; of those that go at its turn. */
  readonly size: number;
  readonly unique: number;
  readonly freed: number;
}

export interface KeptImage {
  readonly image: ImageFacts;
  readonly why: string;
  readonly size: number;
}

export interface RetentionPlan {
  /** In order. */
  readonly removals: readonly PlannedRemoval[];
  readonly kept: readonly KeptImage[];
  /** Bytes of all layers now, lost ones included, and when all is done. */
  readonly before: number;
  readonly after: number;
  /** Bytes of layers that nothing stands on. */
  readonly lost: number;
}

interface Going {
  image: ImageFacts;
  why: string;
  origins: ImageFacts[];
  forQuota: boolean;
}

export function planRetention(facts: RootFacts, rules: RetentionRules): RetentionPlan {
  const stays = reasonsToStay(facts, rules);
  const ledger = openLedger(facts);
  const leave = departures(facts, stays, ledger);
  const { unusedForMs, maxBytes } = rules.policy;
  const free = facts.images.filter(({ id }) => !stays.has(id)).sort(leastRecentlyUsed);
  const going: Going[] = [];
  if (unusedForMs !== undefined)
    for (const image of free)
      if (image.lastUsed <= rules.now - unusedForMs) going.push(...leave(image, 'not used for that long', false));
  if (unusedForMs === undefined && maxBytes === undefined)
    for (const image of free) going.push(...leave(image, 'nothing keeps it', false));
  if (maxBytes !== undefined) {
    for (const image of free) if (ledger.total() > maxBytes) going.push(...leave(image, 'used longest ago', true));
    reprieve(going, ledger, maxBytes);
  }
  return describe(facts, going, (image) => stays.get(image.id) ?? whyFree(rules, ledger));
}

/** An image goes after those that were built from it; of an image that stays, nothing goes. */
function departures({ images }: RootFacts, stays: ReadonlyMap<ImageId, string>, ledger: LayerLedger) {
  const gone = new Set<ImageId>();
  const byId = new Map(images.map((image) => [image.id, image]));
  const hasChildren = (id: ImageId) => images.some((other) => other.parent === id && !gone.has(other.id));
  const originsOf = (image: ImageFacts): ImageFacts[] => {
    const origin = image.parent === undefined ? undefined : byId.get(image.parent);
    if (origin === undefined || gone.has(origin.id) || origin.names.length > 0 || origin.user !== undefined) return [];
    if (hasChildren(origin.id)) return [];
    gone.add(origin.id);
    return [origin, ...originsOf(origin)];
  };
  const waiting = new Map<ImageId, () => Going[]>();
  return function leave(image: ImageFacts, why: string, forQuota: boolean): Going[] {
    if (stays.has(image.id) || gone.has(image.id)) return [];
    if (hasChildren(image.id)) {
      waiting.set(image.id, () => leave(image, why, forQuota));
      return [];
    }
    gone.add(image.id);
    const origins = originsOf(image);
    for (const { chain } of [image, ...origins]) ledger.release(chain);
    const next = image.parent === undefined ? undefined : waiting.get(image.parent);
    return [{ image, why, origins, forQuota }, ...(next?.() ?? [])];
  };
}

function reprieve(going: Going[], ledger: LayerLedger, maxBytes: number): void {
  const limit = Math.max(maxBytes, ledger.total());
  for (const one of [...going].reverse()) {
    const { image, origins, forQuota } = one;
    // What others were built from has gone for their sake.
    if (!forQuota || origins.length > 0 || image.parent !== undefined) continue;
    ledger.restore(image.chain);
    if (ledger.total() <= limit) going.splice(going.indexOf(one), 1);
    else ledger.release(image.chain);
  }
}

function whyFree({ policy: { maxBytes } }: RetentionRules, ledger: LayerLedger): string {
  if (maxBytes === undefined) return 'used since';
  return ledger.total() <= maxBytes ? 'there is room for it' : 'it would free nothing';
}

function describe(facts: RootFacts, going: readonly Going[], whyKept: (image: ImageFacts) => string): RetentionPlan {
  const sizeOf = ({ chain }: ImageFacts) => chain.reduce((sum, id) => sum + (facts.layers.get(id)?.size ?? 0), 0);
  const ledger = openLedger(facts);
  const lost = facts.lost.reduce((sum, id) => sum + (facts.layers.get(id)?.size ?? 0), 0);
  const before = ledger.total() + lost;
  const uniques = new Map(going.map(({ image }) => [image.id, ledger.unique(image.chain)]));
  const removals = going.map(({ image, why, origins }): PlannedRemoval => {
    const freed = [image, ...origins].reduce((sum, { chain }) => sum + ledger.release(chain), 0);
    return { image, why, origins, size: sizeOf(image), unique: uniques.get(image.id) ?? 0, freed };
  });
  const gone = new Set(going.flatMap(({ image, origins }) => [image, ...origins]));
  const kept = facts.images
    .filter((image) => !gone.has(image))
    .sort(leastRecentlyUsed)
    .map((image, _at, left) => {
      const isOrigin = left.some(({ parent }) => parent === image.id);
      return { image, why: isOrigin ? 'others were built from it' : whyKept(image), size: sizeOf(image) };
    });
  return { removals, kept, before, after: ledger.total(), lost };
}

function leastRecentlyUsed(a: ImageFacts, b: ImageFacts): number {
  return a.lastUsed - b.lastUsed || a.created - b.created || (a.id < b.id ? -1 : 1);
}
