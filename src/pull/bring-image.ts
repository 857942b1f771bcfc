/** A pull that has something to do. Kept apart and loaded late: a pull that finds everything up to date needs none of this. */
import { availableParallelism } from 'node:os';
import { KnownError } from '../../store/errors.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import type { ImageConfig } from '../../store/oci/image-config.js';
import { fits, formatPlatform, hostPlatform, type Platform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { openForWriting } from '../../store/store.js';
import { canonicalName, familiarString, type Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';
import { commitImage } from './commit-image.js';
import { fetchLayers } from './fetch-layers.js';
import { planLayers } from './layer-plan.js';
import { createLayerWorkers } from './layer-workers.js';
import type { OnPullEvent } from './pull-event.js';
import { resolveImage } from './resolve-image.js';

export interface BringOptions {
  root: string;
  reference: Reference;
  wanted: Platform | undefined;
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
  const { root, reference, wanted, emit, signal } = options;
  const resolved = await resolveImage(client, reference, wanted);
  const { image: id, digest, manifest } = resolved;
  checkPlatform(resolved.config, options);
  using store = await openForWriting(root, signal);
  const layers = manifest.layers.map(({ digest, size }) => ({ digest, size }));
  emit({ type: 'manifest', reference: familiarString(reference), digest, image: id, layers });
  const workers = createLayerWorkers(options.places ?? Math.min(availableParallelism(), MAX_PLACES));
  try {
    const repository = canonicalName(reference);
    const leases = await fetchLayers(planLayers(resolved), { store, client, workers, repository, emit, signal });
    try {
      return { id, digest, upToDate: !(await commitImage(store, reference, resolved)) };
    } finally {
      for (const lease of leases) lease.release();
    }
  } finally {
    await workers.close();
  }
}

/** A single image, without an index, is whatever it is: refused when another platform was asked for, else only told. */
function checkPlatform({ os, architecture, variant }: ImageConfig, { reference, wanted, emit }: BringOptions): void {
  const actual = { os: os || 'linux', architecture, variant: variant || undefined, osVersion: undefined };
  if (fits(wanted ?? hostPlatform(), actual)) return;
  const is = printable(formatPlatform(actual), 100);
  if (wanted === undefined) {
    const message = `the image is for ${is}, this machine is ${formatPlatform(hostPlatform())}`;
    emit({ type: 'warning', message });
    return;
  }
  const text = `image with reference ${familiarString(reference)} was found but does not match the specified platform`;
  throw new KnownError('E_PLATFORM', `${text}: wanted ${formatPlatform(wanted)}, actual: ${is}`);
}
