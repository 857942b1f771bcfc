/** Brings all layers of an image into the store, each fetched by exactly one process. */
import { setMaxListeners } from 'node:events';
import { errnoCode, isErrno } from '../../store/errors.js';
import type { HeldLock } from '../../store/fs/lock.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { type LayerNames, namesFrom, randomNames } from '../../store/layers/layer-names.js';
import { removePartialBlob } from '../../store/layers/partial-blob.js';
import { type StagedLayer, stageLayer } from '../../store/layers/staging.js';
import type { Store } from '../../store/store.js';
import type { ExtractedLayer } from '../../store/tar/extract-layer.js';
import type { LayerAccount } from './account.js';
import { tryClaim, waitForClaim } from './claim-layer.js';
import { createLayerCommitter, type LayerCommitter } from './commit-layers.js';
import { accountOf, spentBy } from './layer-account.js';
import { LayerCounters } from './layer-counters.js';
import type { NetworkUse } from './layer-job.js';
import { isLocal, type LayerBody, type LayerOrigin } from './layer-origin.js';
import type { LayerPlan } from './layer-plan.js';
import type { LayerWorkers } from './layer-workers.js';
import { refuseWithoutSpace } from './needed-space.js';
import type { Emit, LayerStatus } from './pull-event.js';
import { startOrder } from './start-order.js';

export interface FetchContext {
  store: Store;
  client: LayerOrigin;
  workers: LayerWorkers;
  network: NetworkUse;
  /** Full name of the repository, for the record of where layers come from; undefined where that is no registry. */
  repository: string | undefined;
  emit: Emit;
  /** Is given an account of each layer that was fetched or waited for. */
  onAccount: (account: LayerAccount) => void;
  signal: AbortSignal;
}

/** What one blob expands to at the very most: deflate cannot exceed about 1030 : 1. Small layers may always have this much. */
const MAX_EXPANSION = 1100;
const SMALL_LAYER_BYTES = 1024 ** 3;
/** Free space is no limit here: when it runs out, the kernel's own error says so. @param size of the blob */
export const maxPlainBytes = (size: number): number => Math.max(SMALL_LAYER_BYTES, size * MAX_EXPANSION);

/** A smaller blob is fetched again at once. */
const WORTH_KEEPING_BYTES = 64 * 1024;
const PROGRESS_INTERVAL_MS = 100;

/**
 * Returns the leases on all layers: hold them until the image that needs the layers is recorded. When one layer fails, the others are
 * stopped, all leases are released, everything unfinished is removed, and the first failure is thrown.
 */
export async function fetchLayers(plans: LayerPlan[], context: FetchContext): Promise<HeldLock[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  // Every layer listens.
  setMaxListeners(0, context.signal, signal);
  const committer = createLayerCommitter(context.store, context.repository, signal);
  const run: Run = { ...context, signal, committer, leases: [], staged: new Set(), ours: [] };
  try {
    const results = await Promise.allSettled(
      startLayers(plans, run).map(async (work) => {
        try {
          await work;
        } catch (error) {
          if (!stop.signal.aborted) stop.abort(error);
          throw error;
        }
      }),
    );
    if (stop.signal.aborted) throw stop.signal.reason;
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return run.leases;
  } catch (error) {
    // A full disk needs the room more than a later run needs the bytes.
    if (isErrno(error, 'ENOSPC', 'EDQUOT'))
      for (const { blob } of run.ours) removePartialBlob(run.store.root, blob.digest);
    // First, because removing takes descriptors, and too few of them may be what went wrong.
    for (const lease of run.leases) lease.release();
    for (const staged of run.staged) discardOrLeave(staged);
    throw error;
  } finally {
    committer.close();
  }
}

interface Run extends FetchContext {
  committer: LayerCommitter;
  leases: HeldLock[];
  staged: Set<StagedLayer>;
  /** Layers that this process fetches. */
  ours: LayerPlan[];
}

/** What cannot be removed now, for the same reason as the pull failed, the next writer sweeps. */
function discardOrLeave(staged: StagedLayer): void {
  try {
    staged.discard();
  } catch (error) {
    if (errnoCode(error) === undefined) throw error;
  }
}

function tell({ emit }: Run, { index, blob }: LayerPlan, status: LayerStatus): void {
  emit({ type: 'layer', index, digest: blob.digest, status });
}

/** Claims every layer, lowest first, and starts what that asks for. A blob that several of our layers need is fetched once. */
function startLayers(plans: LayerPlan[], run: Run): Promise<void>[] {
  const ours = new Map<string, { plan: LayerPlan; lease: HeldLock }[]>();
  const works: Promise<void>[] = [];
  const claims = plans.map((plan) => {
    const claim = tryClaim(run.store.root, plan.chainId);
    if (claim !== undefined) run.leases.push(claim.lease);
    return { plan, claim };
  });
  const missing = claims.filter(({ claim }) => claim?.kind === 'ours');
  refuseWithoutSpace(
    run.store.root,
    missing.map(({ plan }) => plan.blob),
  );
  for (const { plan, claim } of claims) {
    if (claim === undefined) {
      tell(run, plan, 'elsewhere');
      works.push(followLayer(plan, run));
      continue;
    }
    tell(run, plan, claim.kind === 'exists' ? 'exists' : 'queued');
    if (claim.kind === 'ours') {
      const same = ours.get(plan.blob.digest) ?? [];
      ours.set(plan.blob.digest, [...same, { plan, lease: claim.lease }]);
    }
  }
  const sizeOf = (group: { plan: LayerPlan }[]) => group[0]?.plan.blob.size ?? 0;
  for (const group of startOrder([...ours.values()], run.workers.places, sizeOf)) works.push(fetchBlob(group, run));
  return works;
}

/** Another process is fetching this layer: wait, and take over if it dies. */
async function followLayer(plan: LayerPlan, run: Run): Promise<void> {
  const began = performance.now();
  const claim = await waitForClaim(run.store.root, plan.chainId, run.signal);
  run.leases.push(claim.lease);
  if (claim.kind === 'ours') return fetchBlob([{ plan, lease: claim.lease }], run);
  run.onAccount(accountOf(plan, { elsewhereMs: performance.now() - began }));
  tell(run, plan, 'complete');
  run.committer.advance();
}

/** Whoever wants results that can be made again says so by this variable (reproducible-builds.org/specs/source-date-epoch). */
const namesOf = ({ chainId }: LayerPlan): LayerNames =>
  process.env['SOURCE_DATE_EPOCH'] ? namesFrom(chainId) : randomNames();

async function fetchBlob(group: { plan: LayerPlan; lease: HeldLock }[], run: Run): Promise<void> {
  const [first] = group;
  if (first === undefined) return;
  run.ours.push(first.plan);
  const staged = await run.store.exclusive(() => group.map(({ plan }) => stageLayer(run.store.root, namesOf(plan))));
  for (const one of staged) run.staged.add(one);
  const { layers: extracted, ...spent } = await unpack(
    group.map(({ plan }) => plan),
    staged,
    run,
  );
  await Promise.all(
    group.map(async ({ plan, lease }, at) => {
      const [place, layer] = [staged[at], extracted[at]];
      if (place === undefined || layer === undefined)
        throw new Error('a layer job returned fewer layers than it was given');
      tell(run, plan, 'verified');
      const verified = performance.now();
      const times = await run.committer.commit(plan, place, layer.size);
      const belowMs = Math.max(0, performance.now() - verified - times.syncMs - times.commitMs);
      run.onAccount(accountOf(plan, { ...spent, ...times, belowMs, unpacked: layer.plainBytes }));
      run.staged.delete(place);
      removePartialBlob(run.store.root, plan.blob.digest);
      await downgrade(lease, plan, run);
      tell(run, plan, 'complete');
    }),
  );
}

/**
 * Others that wait for the layer go on. flock gives up the one lock before it takes the other; removals happen inside the
 * exclusive section, so that none can slip in between.
 */
function downgrade(lease: HeldLock, plan: LayerPlan, { store }: Run): Promise<void> {
  return store.exclusive(() => {
    if (!lease.convert('shared') || readLayer(store.root, plan.chainId) === undefined)
      throw new Error(`layer ${plan.chainId} was removed while it was being pulled`);
  });
}

async function unpack(
  plans: LayerPlan[],
  staged: StagedLayer[],
  run: Run,
): Promise<Partial<LayerAccount> & { layers: ExtractedLayer[] }> {
  const [plan] = plans;
  if (plan === undefined) return { layers: [] };
  const { digest, size } = plan.blob;
  const counters = new LayerCounters();
  const queued = performance.now();
  let started = queued;
  let body: LayerBody | undefined;
  let shown = -1;
  const show = () => {
    const [current, unpacked] = [counters.get('current'), counters.get('unpacked')];
    if (current === shown) return;
    shown = current;
    for (const { index } of plans) run.emit({ type: 'progress', index, digest, current, total: size, unpacked });
  };
  const timer = setInterval(show, PROGRESS_INTERVAL_MS);
  try {
    const job = {
      digest,
      size,
      outputs: staged.map(({ layer, record }, at) => ({ layer, record, diffId: (plans[at] ?? plan).diffId })),
      keepIn: size > WORTH_KEEPING_BYTES ? run.store.root : undefined,
      maxPlainBytes: maxPlainBytes(size),
      network: run.network,
      progress: counters.memory,
    };
    const layers = await run.workers.run(
      job,
      {
        authorize: (challenge) => run.client.authorize(challenge),
        onFailover: (failover) => run.client.blobFailedOver(failover),
        onRetry: (event) => run.emit({ type: 'retry', index: plan.index, digest, ...event }),
        signal: run.signal,
      },
      async () => {
        started = performance.now();
        body = await run.client.blobTarget(digest);
        const endpoint = isLocal(body) ? null : (body.endpoints[0]?.shown ?? null);
        for (const { index } of plans) run.emit({ type: 'layer', index, digest, status: 'downloading', endpoint });
        return body;
      },
    );
    return { layers, queueMs: started - queued, ...spentBy(counters, body) };
  } finally {
    clearInterval(timer);
    show();
  }
}
