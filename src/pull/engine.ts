/** What the pulls of one call share, made when the first of them needs it: the open data root, and places for layers. */
import { availableParallelism } from 'node:os';
import type { Store } from '../../store/store.js';
import { createRateLimit } from '../registry/rate-limit.js';
import type { NetworkUse } from './layer-job.js';
import type { LayerWorkers } from './layer-workers.js';

export interface Engine {
  /** Opened for writing. @throws KnownError as opening does */
  store(): Promise<Store>;
  workers(): Promise<LayerWorkers>;
  readonly network: NetworkUse;
  close(): Promise<void>;
}

export interface EngineOptions {
  root: string;
  signal: AbortSignal;
  /** Layers in work at the same time. */
  places: number | undefined;
  /** Bytes a second. */
  limitRate: number | undefined;
  /** For one blob at the same time. */
  connections: number | undefined;
}

/** More threads than processors gain nothing, and each costs about 50 MB. */
const MAX_PLACES = 3;

export function createEngine({ root, signal, places, limitRate, connections = 1 }: EngineOptions): Engine {
  let store: Promise<Store> | undefined;
  let workers: Promise<LayerWorkers> | undefined;
  const open = async () => {
    const { openForWriting } = await import('../../store/store.js');
    return openForWriting(root, signal);
  };
  const start = async () => {
    const { createLayerWorkers } = await import('./layer-workers.js');
    return createLayerWorkers(places ?? Math.min(availableParallelism(), MAX_PLACES), root);
  };
  return {
    store: () => (store ??= open()),
    workers: () => (workers ??= start()),
    network: { rate: limitRate === undefined ? undefined : createRateLimit(limitRate), connections },
    async close() {
      await (await workers)?.close();
      const [opened] = await Promise.allSettled([store]);
      if (opened.status === 'fulfilled') opened.value?.close();
    },
  };
}
