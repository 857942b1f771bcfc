/** Fetches the blob of a layer that is registered and damaged, and gives the layer the tree that comes of it. */
import { closeSync, constants, openSync } from 'node:fs';
import { readLayer } from '../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../store/layers/lease.js';
import { removePartialBlob } from '../../store/layers/partial-blob.js';
import { type StagedLayer, stageLayer } from '../../store/layers/staging.js';
import { prepareSwap, swapLayer } from '../../store/layers/swap-layer.js';
import { syncFileSystem } from '../../store/linux/inode.js';
import { lowerOf } from '../../store/overlay2/layer-dir.js';
import type { Store } from '../../store/store.js';
import type { ExtractedLayer } from '../../store/tar/extract-layer.js';
import { maxPlainBytes } from './fetch-layers.js';
import { LayerCounters } from './layer-counters.js';
import type { NetworkUse } from './layer-job.js';
import type { LayerOrigin } from './layer-origin.js';
import type { LayerPlan } from './layer-plan.js';
import type { LayerWorkers } from './layer-workers.js';

export interface RefetchContext {
  store: Store;
  client: LayerOrigin;
  workers: LayerWorkers;
  network: NetworkUse;
  /** Full name of the repository; undefined where the layer comes from a file. */
  repository: string | undefined;
  signal: AbortSignal;
}

/**
 * False, and nothing is changed, when somebody relies on the layer: a container that runs on it, a save, a pull.
 *
 * @throws KnownError as fetching does, E_STORE when the layer has no record
 */
export async function refetchLayer(plan: LayerPlan, context: RefetchContext): Promise<boolean> {
  const { store, repository } = context;
  using lease = tryHoldLayer(store.root, plan.chainId, 'exclusive');
  const record = readLayer(store.root, plan.chainId);
  if (lease === undefined || record === undefined) return false;
  // Opened before the first write, as for a commit.
  const fd = openSync(store.root, constants.O_RDONLY | constants.O_DIRECTORY);
  const staged = await store.exclusive(() => stageLayer(store.root));
  try {
    const { size } = await unpack(plan, staged, context);
    const { digest: blob, size: blobSize, mediaType } = plan.blob;
    const source = repository === undefined ? undefined : { blob, blobSize, mediaType, repository };
    const { cacheId } = record;
    const link = lowerOf(store.root, cacheId)[0]?.slice('l/'.length) ?? '';
    prepareSwap(staged, { ...plan, cacheId, link, size, source });
    await syncFileSystem(fd);
    await store.exclusive(() => swapLayer(store.root, staged.dir));
    removePartialBlob(store.root, blob);
    return true;
  } finally {
    closeSync(fd);
    staged.discard();
  }
}

async function unpack(
  plan: LayerPlan,
  { layer, record }: StagedLayer,
  { client, workers, network, signal }: RefetchContext,
): Promise<ExtractedLayer> {
  const { digest, size } = plan.blob;
  const job = {
    digest,
    size,
    outputs: [{ layer, record, diffId: plan.diffId }],
    keepIn: undefined,
    maxPlainBytes: maxPlainBytes(size),
    network,
    progress: new LayerCounters().memory,
  };
  const ports = {
    authorize: client.authorize.bind(client),
    onFailover: client.blobFailedOver.bind(client),
    onRetry: () => undefined,
    signal,
  };
  const [extracted] = await workers.run(job, ports, () => client.blobTarget(digest));
  if (extracted === undefined) throw new Error('a layer job returned no layer');
  return extracted;
}
