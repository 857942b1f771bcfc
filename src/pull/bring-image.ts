/** A pull that has something to do. Kept apart and loaded late: a pull that finds everything up to date needs none of this. */
import type { HeldLock } from '../../store/fs/lock.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import type { Platform } from '../../store/oci/platform.js';
import { canonicalName, familiarName, familiarString, type Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';
import { bindingConstraint, type LayerAccount, totalOf } from './account.js';
import { checkPlatform } from './check-platform.js';
import { commitImages, type ImageToCommit } from './commit-image.js';
import type { Engine } from './engine.js';
import { fetchLayers } from './fetch-layers.js';
import type { LayerOrigin } from './layer-origin.js';
import { planLayers } from './layer-plan.js';
import { mendLayers, mendStacks } from './mend-layers.js';
import { needMending } from './need-mending.js';
import type { Emit } from './pull-event.js';
import { resolveImage } from './resolve-image.js';

export interface BringOptions extends TransferOptions {
  reference: Reference;
  wanted: Platform | undefined;
  /** The image is one of several platforms and gets no tag: it is named by the digest of its own manifest. */
  isAside: boolean;
}

export interface TransferOptions {
  emit: Emit;
  signal: AbortSignal;
  engine: Engine;
  /** When the pull began, by performance.now(). */
  began: number;
}

export interface Brought {
  id: ImageId;
  digest: Digest;
  /** No name is new or moved. */
  upToDate: boolean;
}

export async function bringImage(client: RegistryClient, options: BringOptions): Promise<Brought> {
  const { reference, wanted, isAside } = options;
  const workers = await options.engine.workers();
  workers.prepare(workers.places);
  const resolved = await resolveImage(client, reference, wanted);
  const { image: id } = resolved;
  const digest = isAside ? resolved.manifestDigest : resolved.digest;
  checkPlatform(resolved.config, { ...options, name: familiarString(reference) });
  const name = familiarName(reference);
  const tag = reference.digest === undefined && !isAside ? reference.tag : undefined;
  const image: ImageToBring = {
    reference: familiarString(reference),
    resolved,
    names: [{ name, digest }, ...(tag === undefined ? [] : [{ name, tag }])],
    origin: client,
    repository: canonicalName(reference),
  };
  const [isNew] = await bringImages([image], options);
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
  images: readonly ImageToBring[],
  { emit, signal, engine, began }: TransferOptions,
): Promise<boolean[]> {
  const resolveMs = performance.now() - began;
  const [store, workers] = [await engine.store(), await engine.workers()];
  const leases: HeldLock[] = [];
  const accounts: LayerAccount[] = [];
  const onAccount = (account: LayerAccount) => accounts.push(account);
  try {
    for (const { reference, resolved, origin: client, repository } of images) {
      const layers = resolved.manifest.layers.map(({ digest, size }) => ({ digest, size }));
      emit({ type: 'manifest', reference, digest: resolved.digest, image: resolved.image, layers });
      const context = { store, client, workers, network: engine.network, repository, emit, onAccount, signal };
      const plans = planLayers(resolved);
      const chain = plans.map(({ chainId }) => chainId);
      const isDamaged = needMending(store.root, chain);
      if (isDamaged) await mendLayers(plans, context);
      leases.push(...(await fetchLayers(plans, context)));
      if (isDamaged) await mendStacks(store, chain);
    }
    const isNew = await commitImages(store, images);
    const total = totalOf(accounts);
    const layers = accounts.sort((a, b) => a.index - b.index);
    const constraint = bindingConstraint(total, resolveMs);
    emit({ type: 'account', resolveMs, wallMs: performance.now() - began, layers, total, constraint });
    return isNew;
  } finally {
    for (const lease of leases) lease.release();
  }
}
