import { KnownError } from '../../store/errors.js';
import { explainIoFailure } from '../../store/io-failure.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import { type Platform, parsePlatform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { defaultRoot } from '../../store/store.js';
import { canonicalString, familiarString, type Reference } from '../reference.js';
import { createRegistryClient, type RegistryClient } from '../registry/client.js';
import type { BringOptions, Brought } from './bring-image.js';
import { findLocalImage } from './local-image.js';
import type { OnPullEvent } from './pull-event.js';
import { referenceFor, type ShortNames } from './reference-for.js';
import { parseSource } from './sources/source-name.js';

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
  /** Fully qualified, as `docker.io/library/ubuntu:16.04`; the id of an image without a name. */
  reference: string;
  /** All names that it was pulled under: several only from a docker-archive or an OCI layout, maybe none from these. */
  names: string[];
  id: ImageId;
  /** Of what the name stands for: the index where there is one. A docker-archive has none. */
  digest: Digest | undefined;
  /** The names stood for this image before. */
  upToDate: boolean;
}

/**
 * Pulls an image into a data root. When this returns, the image is complete and durable there; if it throws, nothing has become visible.
 *
 * @param name in a registry; or `docker-archive:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `oci:DIRECTORY[:NAME]` or
 *   `docker-daemon:NAME`, which must hold one image only unless NAME tells which
 * @throws KnownError; see docs/errors.md for the codes
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PulledImage> {
  const [image] = await pullFrom(name, options, 1);
  if (image === undefined) throw new Error('a pull ended without an image');
  return image;
}

/** As {@link pull}, with every image that an archive or layout holds: all of them become visible together, or none. */
export function pullAll(name: string, options: PullOptions = {}): Promise<PulledImage[]> {
  return pullFrom(name, options, Number.POSITIVE_INFINITY);
}

async function pullFrom(name: string, options: PullOptions, mostImages: number): Promise<PulledImage[]> {
  const source = parseSource(name);
  const common: CommonOptions = {
    root: options.root ?? defaultRoot(),
    wanted: options.platform === undefined ? undefined : parsePlatform(options.platform),
    emit: options.onEvent ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
    places: options.maxConcurrentDownloads,
  };
  if (source.kind === 'registry') {
    const reference = await referenceFor(source.name, options.shortNames, options.configDir);
    return watched(familiarString(reference), common, async () => [await pullFromRegistry(reference, options, common)]);
  }
  return watched(name, common, async () => {
    const { pullFromFiles } = await import('./pull-from-files.js');
    return pullFromFiles(source, { ...common, mostImages });
  });
}

/** Tells the beginning, and a failure in the words of this program. */
async function watched<T>(shown: string, { root, emit, signal }: CommonOptions, work: () => Promise<T>): Promise<T> {
  emit({ type: 'start', reference: shown });
  try {
    return await work();
  } catch (error) {
    if (signal.aborted)
      throw new KnownError('E_CANCELLED', `pull of ${printable(shown)} was cancelled`, { cause: error });
    throw explainIoFailure(error, root);
  }
}

type CommonOptions = Omit<BringOptions, 'reference'>;

async function pullFromRegistry(
  reference: Reference,
  { insecure = false, caFiles = [], mirrors = [], configDir }: PullOptions,
  common: CommonOptions,
): Promise<PulledImage> {
  const { root, wanted, emit, signal } = common;
  const { domain, path } = reference;
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
    const { id, digest, upToDate } = known ?? (await bring(client, { ...common, reference }));
    emit({ type: 'done', reference: familiarString(reference), digest, image: id, upToDate });
    const name = canonicalString(reference);
    return { reference: name, names: [name], id, digest, upToDate };
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
