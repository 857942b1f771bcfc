/**
 * Registers unpacked layers in chain order. One syncfs serves all layers that are ready when it starts; while it runs others become
 * ready, and the next one serves those.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { stageSource } from '../../store/layers/distribution.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { type PreparedLayer, registerLayers } from '../../store/layers/register.js';
import { prepareLayer, type StagedLayer } from '../../store/layers/staging.js';
import { noteUnproven } from '../../store/layers/unproven.js';
import { syncFileSystem } from '../../store/linux/inode.js';
import { lowerOf } from '../../store/overlay2/layer-dir.js';
import type { Store } from '../../store/store.js';
import type { Spent } from './account.js';
import type { LayerPlan } from './layer-plan.js';

interface Ready {
  plan: LayerPlan;
  staged: StagedLayer;
  size: number;
  settle: (outcome: Outcome) => void;
}

const chainIdsOf = (batch: readonly Ready[]) => batch.map(({ plan }) => plan.chainId);

/** Of the step that a layer was committed in. */
export type CommitTimes = Pick<Spent, 'syncMs' | 'commitMs'>;

type Outcome = { times: CommitTimes } | { times?: never; reason: unknown };

export interface LayerCommitter {
  /** Resolves when the layer is durable and registered. Layers above wait for those below. */
  commit(plan: LayerPlan, staged: StagedLayer, size: number): Promise<CommitTimes>;
  /** Say that layers below may have appeared by other hands. */
  advance(): void;
  close(): void;
}

/**
 * @param repository full name of where the blobs came from, if that can be asked for them again
 * @param signal gives up the layers that wait for one below, which may never come
 */
export function createLayerCommitter(
  store: Store,
  repository: string | undefined,
  signal: AbortSignal,
): LayerCommitter {
  // Opened before the first write: the kernel reports a failed write-back to descriptors that were open at that time.
  const fd = openSync(store.root, constants.O_RDONLY | constants.O_DIRECTORY);
  const ready = new Map<number, Ready>();
  let running = false;
  const giveUp = () => {
    for (const { settle } of ready.values()) settle({ reason: signal.reason });
    ready.clear();
  };
  signal.addEventListener('abort', giveUp);

  const nextBatch = () => {
    const batch: Ready[] = [];
    for (const item of [...ready.values()].sort((a, b) => a.plan.index - b.plan.index)) {
      const { parent } = item.plan;
      const standsOnBatch = batch.at(-1)?.plan.chainId === parent && parent !== undefined;
      if (standsOnBatch || parent === undefined || readLayer(store.root, parent) !== undefined) batch.push(item);
    }
    return batch;
  };
  const commitBatch = async (batch: Ready[]): Promise<CommitTimes> => {
    const began = performance.now();
    for (const item of batch) {
      const { diffId, blob } = item.plan;
      const { digest, size: blobSize, mediaType } = blob;
      const source = repository === undefined ? undefined : { blob: digest, blobSize, mediaType, repository };
      prepareLayer(item.staged, { ...item.plan, lower: lowerFor(item, batch), size: item.size, source });
      if (repository !== undefined) stageSource(store.root, item.staged.dir, { diffId, blob: blob.digest, repository });
    }
    // A root that shall be equal when it is made again is not used where it is made.
    const notes = process.env['SOURCE_DATE_EPOCH'] ? undefined : noteUnproven(store.root, chainIdsOf(batch));
    const prepared = performance.now();
    await syncFileSystem(fd);
    notes?.confirm();
    const synced = performance.now();
    await store.exclusive(() =>
      registerLayers(
        store.root,
        batch.map(({ plan, staged }): PreparedLayer => ({ ...plan, staged })),
      ),
    );
    return { syncMs: synced - prepared, commitMs: prepared - began + performance.now() - synced };
  };
  const lowers = new Map<string, string[]>();
  const lowerFor = ({ plan, staged }: Ready, batch: Ready[]): string[] => {
    const below = batch.find((other) => other.plan.chainId === plan.parent);
    const record = plan.parent === undefined ? undefined : readLayer(store.root, plan.parent);
    const lower =
      record !== undefined
        ? lowerOf(store.root, record.cacheId)
        : below === undefined
          ? []
          : [`l/${below.staged.link}`, ...(lowers.get(below.staged.link) ?? [])];
    lowers.set(staged.link, lower);
    return lower;
  };
  const run = async () => {
    if (running) return;
    running = true;
    for (let batch = nextBatch(); batch.length > 0; batch = nextBatch()) {
      for (const { plan } of batch) ready.delete(plan.index);
      const outcome = await commitBatch(batch).then(
        (times): Outcome => ({ times }),
        (reason: unknown): Outcome => ({ reason }),
      );
      for (const { settle } of batch) settle(outcome);
    }
    running = false;
  };
  return {
    commit: (plan, staged, size) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        ready.set(plan.index, {
          plan,
          staged,
          size,
          settle: (outcome) => (outcome.times === undefined ? reject(outcome.reason) : resolve(outcome.times)),
        });
        void run();
      }),
    advance: () => void run(),
    close() {
      signal.removeEventListener('abort', giveUp);
      closeSync(fd);
    },
  };
}
