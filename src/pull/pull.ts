import { KnownError } from '../../store/errors.js';
import { recordUse } from '../../store/images/last-use.js';
import { explainIoFailure } from '../../store/io-failure.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import { formatPlatform, type Platform, parsePlatform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { defaultRoot } from '../../store/store.js';
import { canonicalString, familiarString, type Reference } from '../reference.js';
import { createRegistryClient, type RegistryClient } from '../registry/client.js';
import type { BringOptions, Brought } from './bring-image.js';
import { createEngine, type Engine } from './engine.js';
import { openEventStream } from './event-stream.js';
import { findLocalImage } from './local-image.js';
import { type Emit, eventsVersion, type OnPullEvent } from './pull-event.js';
import type { FilesOptions } from './pull-from-files.js';
import { referenceFor, type ShortNames } from './reference-for.js';
import { type LocalSource, parseSource } from './sources/source-name.js';

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
  /** For one layer at the same time, for registries that throttle each connection; default 1. */
  blobConnections?: number;
  /** Bytes of layers a second, over all connections. */
  limitRate?: number;
  /** A layer that brings less than 16 KiB in this time has stalled: its connection is given up; default 30 000. */
  stallTimeoutMs?: number;
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
 * @param name in a registry; or `docker-archive:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `oci:DIRECTORY[:NAME]`,
 *   `docker-daemon:NAME`, `containers-storage:NAME` or `data-root:DIRECTORY[:NAME]`, which must hold one image only unless NAME tells which
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

/** As {@link pullAll} of an archive whose kind is not known, by its path: any character may be in it. */
export function loadArchive(path: string, options: PullOptions = {}): Promise<PulledImage[]> {
  const from = { kind: 'archive', path, wish: undefined } as const;
  return pullSource(`archive:${path}`, () => ({ from, shown: path }), options, Number.POSITIVE_INFINITY);
}

function pullFrom(name: string, options: PullOptions, mostImages: number): Promise<PulledImage[]> {
  return pullSource(name, () => whatIsNamed(name, options), options, mostImages);
}

type Meaning = Pick<PullJob, 'from' | 'shown'>;

async function pullSource(
  name: string,
  meaning: () => Meaning | Promise<Meaning>,
  options: PullOptions,
  mostImages: number,
): Promise<PulledImage[]> {
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const shared = shareOf(options);
  const stream = openEventStream(options.onEvent);
  try {
    const job = { name, ...(await meaning()), wanted, mostImages, isAside: false };
    return await runPull(job, options, { ...shared, emit: stream.emitFor(0) });
  } finally {
    await shared.engine.close();
    stream.end();
  }
}

/** What the pulls of one call have in common. */
export interface Shared {
  root: string;
  signal: AbortSignal;
  engine: Engine;
}

export function shareOf(options: PullOptions): Shared {
  const { root = defaultRoot(), signal = new AbortController().signal } = options;
  const { maxConcurrentDownloads: places, limitRate, blobConnections: connections, stallTimeoutMs } = options;
  checkBounds('limitRate', limitRate, [1, Number.MAX_SAFE_INTEGER]);
  checkBounds('blobConnections', connections, [1, 16]);
  checkBounds('stallTimeoutMs', stallTimeoutMs, [100, 86_400_000]);
  return { root, signal, engine: createEngine({ root, signal, places, limitRate, connections }) };
}

function checkBounds(option: string, value: number | undefined, [least, most]: [number, number]): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw new KnownError('E_USAGE', `${option} is ${value}, and must be a number from ${least} to ${most}`);
}

/** One image of a registry, or what an archive holds. */
export interface PullJob {
  /** As it was given. */
  name: string;
  from: { kind: 'registry'; reference: Reference } | LocalSource;
  /** As people know it. */
  shown: string;
  wanted: Platform | undefined;
  /** See {@link BringOptions}. */
  isAside: boolean;
  mostImages: number;
}

/** @throws KnownError for a name that means nothing */
export async function whatIsNamed(
  name: string,
  { shortNames, configDir }: PullOptions,
): Promise<Pick<PullJob, 'from' | 'shown'>> {
  const source = parseSource(name);
  if (source.kind !== 'registry') return { from: source, shown: name };
  return inRegistry(await referenceFor(source.name, shortNames, configDir));
}

export function inRegistry(reference: Reference) {
  return { from: { kind: 'registry', reference }, shown: familiarString(reference) } as const;
}

/** Tells the beginning, and a failure in the words of this program. */
export async function runPull(
  job: PullJob,
  options: PullOptions,
  shared: Shared & { emit: Emit },
): Promise<PulledImage[]> {
  const { root, emit, signal } = shared;
  const { from, name, shown, wanted } = job;
  const began = performance.now();
  const platform = wanted === undefined ? null : formatPlatform(wanted);
  emit({ type: 'start', version: eventsVersion, name, reference: shown, platform });
  try {
    const images =
      from.kind === 'registry'
        ? [await pullFromRegistry(options, { ...job, ...shared, began, reference: from.reference })]
        : await pullFromSource(from, { ...job, ...shared, began });
    for (const { id } of images) recordUse(root, id);
    return images;
  } catch (cause) {
    const error = signal.aborted
      ? new KnownError('E_CANCELLED', `pull of ${printable(shown)} was cancelled`, { cause })
      : explainIoFailure(cause, root);
    tellFailure(emit, shown, error);
    throw error;
  }
}

async function pullFromSource(from: LocalSource, options: FilesOptions): Promise<PulledImage[]> {
  const { pullFromFiles } = await import('./pull-from-files.js');
  return await pullFromFiles(from, options);
}

export function tellFailure(emit: Emit, reference: string, error: unknown): void {
  const { code = null, hint = null } = error instanceof KnownError ? error : {};
  emit({ type: 'failed', reference, code, message: error instanceof Error ? error.message : String(error), hint });
}

type RegistryPull = BringOptions & { root: string };

async function pullFromRegistry(options: PullOptions, bringing: RegistryPull): Promise<PulledImage> {
  const { reference, emit, isAside } = bringing;
  const client = registryClient(reference, options, bringing);
  try {
    const known = isAside ? undefined : await ifUpToDate(client, bringing);
    const { id, digest, upToDate } = known ?? (await bring(client, bringing));
    const named = isAside ? { ...reference, tag: undefined, digest } : reference;
    emit({ type: 'done', reference: familiarString(named), digest, image: id, upToDate });
    const name = canonicalString(named);
    return { reference: name, names: [name], id, digest, upToDate };
  } finally {
    client.close();
  }
}

export function registryClient(
  { domain, path, digest }: Reference,
  { insecure = false, caFiles = [], mirrors = [], configDir, stallTimeoutMs }: PullOptions,
  { signal, emit }: { signal: AbortSignal; emit: Emit },
): RegistryClient {
  return createRegistryClient({
    domain,
    path,
    byDigest: digest !== undefined,
    ...(configDir !== undefined && { configDir }),
    ...(stallTimeoutMs !== undefined && { timeouts: { stallMs: stallTimeoutMs } }),
    mirrors,
    insecure,
    caFiles,
    signal,
    onFailover: (failover) => emit({ type: 'failover', ...failover }),
  });
}

async function bring(client: RegistryClient, options: BringOptions): Promise<Brought> {
  const { bringImage } = await import('./bring-image.js');
  return bringImage(client, options);
}

/** One request at most, and none for a digest: what a digest names never changes. */
export async function ifUpToDate(
  client: RegistryClient,
  { root, reference, wanted }: Pick<RegistryPull, 'root' | 'reference' | 'wanted'>,
): Promise<Brought | undefined> {
  const local = findLocalImage(root, reference, wanted);
  if (local === undefined) return undefined;
  if (reference.digest !== undefined) return { id: local.image, digest: reference.digest, upToDate: true };
  const remote = await client.headManifest(reference.tag ?? 'latest');
  if (remote === undefined || !local.digests.includes(remote)) return undefined;
  return { id: local.image, digest: remote, upToDate: true };
}
