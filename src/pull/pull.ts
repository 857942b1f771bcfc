import { KnownError } from '../../store/errors.js';
import { explainIoFailure } from '../../store/io-failure.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import { type Platform, parsePlatform } from '../../store/oci/platform.js';
import { defaultRoot } from '../../store/store.js';
import { canonicalString, familiarString, type Reference } from '../reference.js';
import { createRegistryClient, type RegistryClient } from '../registry/client.js';
import type { BringOptions, Brought } from './bring-image.js';
import { findLocalImage } from './local-image.js';
import type { OnPullEvent } from './pull-event.js';
import { referenceFor, type ShortNames } from './reference-for.js';

export interface PullOptions {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** As `linux/arm64/v8`; default is this machine's. */
  platform?: string;
  /** Allow plain http, and https with any certificate. Loopback registries may always speak http. */
  insecure?: boolean;
  /** Mirrors that are asked before those that the machine has configured: a URL, or `REGISTRY=URL` for one registry. */
  mirrors?: string[];
  /** Stands for `/etc` where the configuration of registries is looked up; default `TSPULL_CONFIG_DIR`. */
  configDir?: string;
  /** By whose rules a name without a registry gets one; default Docker's, which is always docker.io. */
  shortNames?: ShortNames;
  /** Files with additional certificate authorities (PEM). */
  caFiles?: string[];
  /** Layers in work at the same time; default the number of processors, at most 3. */
  maxConcurrentDownloads?: number;
  onEvent?: OnPullEvent;
  signal?: AbortSignal;
}

export interface PulledImage {
  /** Fully qualified, as `docker.io/library/ubuntu:16.04`. */
  reference: string;
  id: ImageId;
  /** Of what the name stands for in the registry: the index where there is one. */
  digest: Digest;
  /** The name stood for this image before. */
  upToDate: boolean;
}

/**
 * Pulls an image into a data root. When this returns, the image is complete and durable there; if it throws, nothing has become visible.
 *
 * @throws KnownError; see docs/errors.md for the codes
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PulledImage> {
  const reference = await referenceFor(name, options.shortNames, options.configDir);
  const root = options.root ?? defaultRoot();
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const emit = options.onEvent ?? (() => {});
  const signal = options.signal ?? new AbortController().signal;
  emit({ type: 'start', reference: familiarString(reference) });
  const { domain, path } = reference;
  const { insecure = false, caFiles = [], mirrors = [], configDir } = options;
  const client = createRegistryClient({
    domain,
    path,
    byDigest: reference.digest !== undefined,
    ...(configDir !== undefined && { configDir }),
    mirrors,
    insecure,
    caFiles,
    signal,
    onFailover: (failover) => emit({ type: 'failover', ...failover }),
  });
  try {
    const known = await ifUpToDate(client, root, reference, wanted);
    const places = options.maxConcurrentDownloads;
    const done = known ?? (await bring(client, { root, reference, wanted, emit, signal, places }));
    const { id, digest, upToDate: same } = done;
    emit({ type: 'done', reference: familiarString(reference), digest, image: id, upToDate: same });
    return { reference: canonicalString(reference), id, digest, upToDate: same };
  } catch (error) {
    if (signal.aborted)
      throw new KnownError('E_CANCELLED', `pull of ${familiarString(reference)} was cancelled`, { cause: error });
    throw explainIoFailure(error, root);
  } finally {
    client.close();
  }
}

async function bring(client: RegistryClient, options: BringOptions): Promise<Brought> {
  const { bringImage } = await import('./bring-image.js');
  return bringImage(client, options);
}

/** One request at most, and none for a digest: what a digest names never changes. */
async function ifUpToDate(
  client: RegistryClient,
  root: string,
  reference: Reference,
  wanted: Platform | undefined,
): Promise<Brought | undefined> {
  const local = findLocalImage(root, reference, wanted);
  if (local === undefined) return undefined;
  if (reference.digest !== undefined) return { id: local.image, digest: reference.digest, upToDate: true };
  const remote = await client.headManifest(reference.tag ?? 'latest');
  if (remote === undefined || !local.digests.includes(remote)) return undefined;
  return { id: local.image, digest: remote, upToDate: true };
}
