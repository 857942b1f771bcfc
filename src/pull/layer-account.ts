/** From what was counted for a layer to its account. */
import { type LayerAccount, nothingSpent } from './account.js';
import type { LayerCounters } from './layer-counters.js';
import { isLocal, type LayerBody } from './layer-origin.js';
import type { LayerPlan } from './layer-plan.js';

export function accountOf({ index, blob }: LayerPlan, known: Partial<LayerAccount>): LayerAccount {
  return { index, digest: blob.digest, bytes: 0, unpacked: 0, endpoints: [], ...nothingSpent, ...known };
}

const counted = [
  ...(['dnsMs', 'connectMs', 'tlsMs', 'firstByteMs'] as const),
  ...(['transferMs', 'stallMs', 'decompressMs', 'applyMs'] as const),
];

export function spentBy(counters: LayerCounters, body: LayerBody | undefined): Partial<LayerAccount> {
  const endpoints = body === undefined || isLocal(body) ? [] : body.endpoints;
  return {
    ...Object.fromEntries(counted.map((key) => [key, counters.get(key)])),
    bytes: counters.get('current'),
    endpoints: endpoints
      .map(({ id, shown }) => ({ url: shown, bytes: counters.from(id) }))
      .filter(({ bytes }) => bytes > 0),
  };
}
