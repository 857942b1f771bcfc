/** A pull that has something to do. Kept apart and loaded late: a pull that finds everything up to date needs none of this. */
import { availableParallelism } from 'node:os';
import type { HeldLock } from '../../store/fs/lock.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import type { Platform } from '../../store/oci/platform.js';
import { openForWriting, type Store } from '../../store/store.js';
import { canonicalName, familiarName, familiarString, type Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';
import { checkPlatform } from './check-platform.js';
import { commitImages, type ImageToCommit } from './commit-image.js';
import { fetchLayers } from './fetch-layers.js';
import type { LayerOrigin } from './layer-origin.js';
import { planLayers } from './layer-plan.js';
import { createLayerWorkers } from './layer-workers.js';
import type { OnPullEvent } from './pull-event.js';
import { resolveImage } from './resolve-image.js';

export interface BringOptions extends TransferOptions {
  root: string;
  reference: Reference;
  wanted: Platform | undefined;
}

export interface TransferOptions {
  emit: OnPullEvent;
  signal: AbortSignal;
  /** Layers in work at the same time. */
  places: number | undefined;
}

export interface Brought {
  id: ImageId;
  digest: Digest;
  /** No name is new or moved. */
  upToDate: boolean;
}

/** More threads than processors gain nothing, and each costs about 50 MB. */
const MAX_PLACES = 3;

export async function bringImage(client: RegistryClient, options: BringOptions): Promise<Brought> {
  const { root, reference, wanted, signal } = options;
  const resolved = await resolveImage(client, reference, wanted);
  const { image: id, digest } = resolved;
  checkPlatform(resolved.config, { ...options, name: familiarString(reference) });
  const name = familiarName(reference);
  const tag = reference.digest === undefined ? reference.tag : undefined;
  using store = await openForWriting(root, signal);
  const image: ImageToBring = {
    reference: familiarString(reference),
    resolved,
    names: [{ name, digest }, ...(tag === undefined ? [] : [{ name, tag }])],
    origin: client,
    repository: canonicalName(reference),
  };
  const [isNew] = await bringImages(store, [image], options);
  return { id, digest, upToDate: !isNew };
}

export interface ImageToBring extends ImageToCommit {
  /** For people. */
  reference: string;
  origin: LayerOrigin;
  /** Full name of where the layers come from, if that is a registry. */
  repository: string | undefined;
}

/** Layers of one image after the other, then all images at once. @returns for each whether it or one of its names is new */
export async function bringImages(
  store: Store,
  images: readonly ImageToBring[],
  { emit, signal, places = Math.min(availableParallelism(), MAX_PLACES) }: TransferOptions,
): Promise<boolean[]> {
  const workers = createLayerWorkers(places, store.root);
  const leases: HeldLock[] = [];
  try {
    for (const { reference, resolved, origin: client, repository } of images) {
      const layers = resolved.manifest.layers.map(({ digest, size }) => ({ digest, size }));
      emit({ type: 'manifest', reference, digest: resolved.digest, image: resolved.image, layers });
      const context = { store, client, workers, repository, emit, signal };
      leases.push(...(await fetchLayers(planLayers(resolved), context)));
    }
    return await commitImages(store, images);
  } finally {
    for (const lease of leases) lease.release();
    await workers.close();
  }
}
