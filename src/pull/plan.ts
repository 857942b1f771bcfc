/** What pulling would take, without doing it: documents are asked for, and nothing is written. */
import { KnownError } from '../../store/errors.js';
import { freeSpace } from '../../store/fs/free-space.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { partialBlobBytes } from '../../store/layers/partial-blob.js';
import type { Descriptor } from '../../store/oci/descriptor.js';
import type { ChainId, Digest, ImageId } from '../../store/oci/digest.js';
import { formatPlatform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { defaultRoot } from '../../store/store.js';
import type { Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';
import type { PullLimit } from '../registry/pull-limit.js';
import { checkPlatform } from './check-platform.js';
import { keptLayers } from './kept-layers.js';
import { planLayers } from './layer-plan.js';
import { holds, neededSpace, type Room } from './needed-space.js';
import { ifUpToDate, type PullJob, registryClient } from './pull.js';
import { inTurns, jobsFor, type PullManyOptions, platformsOf } from './pull-many.js';
import { resolveImage } from './resolve-image.js';

export interface PullPlan {
  /** In the order of the names, their tags and platforms. */
  images: PlannedImage[];
  /** Bytes of blobs: to be asked for, here as layers, and to be fetched for one image but needed by more of them. */
  fetchBytes: number;
  hereBytes: number;
  sharedBytes: number;
  /** Once it is unpacked: surely, and usually. */
  least: Room;
  likely: Room;
  /** null where the file system sets no bound. */
  free: { bytes: number | null; inodes: number | null };
  limits: (PullLimit & { endpoint: string })[];
  verdict: Verdict;
}

export type Verdict =
  | 'up to date'
  | 'fits'
  /** The usual estimate says no, though it is not certain. */
  | 'may not fit'
  | 'does not fit';

/** `shared`: fetched for another layer or image of the plan. */
type Status = 'here' | 'fetch' | 'shared';

export interface PlannedImage {
  reference: string;
  platform: string | null;
  /** What follows is null when it failed. */
  digest: Digest | null;
  image: ImageId | null;
  upToDate: boolean;
  fetchBytes: number;
  hereBytes: number;
  sharedBytes: number;
  /** Lowest first; empty for an image that is up to date and whose manifest was not kept. */
  layers: { digest: Digest; size: number; status: Status; keptBytes: number }[];
  error: unknown;
}

/**
 * @throws KnownError only for options that mean nothing: an image that cannot be had is told in its place
 */
export async function plan(names: readonly string[], options: PullManyOptions = {}): Promise<PullPlan> {
  const { root = defaultRoot(), signal = new AbortController().signal } = options;
  const platforms = platformsOf(options);
  const limits = new Map<string, PullLimit>();
  const inquiry = { root, signal, options, limits };
  const found = await Promise.all(names.map((name) => orError(name, () => jobsFor(name, platforms, options, signal))));
  const answers = await inTurns(
    found.flat(),
    (job): Promise<Resolved | Failed> =>
      'error' in job ? Promise.resolve(job) : orError(job, () => resolve(job, inquiry)),
  );
  return sumUp(root, answers, limits);
}

interface Inquiry {
  root: string;
  signal: AbortSignal;
  options: PullManyOptions;
  limits: Map<string, PullLimit>;
}

interface Failed {
  name: string;
  platform: string | null;
  error: unknown;
}

interface Resolved {
  job: PullJob;
  digest: Digest;
  image: ImageId;
  upToDate: boolean;
  layers: { blob: Descriptor; chainId: ChainId | undefined }[];
}

async function orError<T>(of: string | PullJob, work: () => Promise<T>): Promise<T | Failed> {
  try {
    return await work();
  } catch (error) {
    if (typeof of === 'string') return { name: of, platform: null, error };
    return { name: of.shown, platform: of.wanted === undefined ? null : formatPlatform(of.wanted), error };
  }
}

async function resolve(job: PullJob, { root, signal, options, limits }: Inquiry): Promise<Resolved> {
  const { from, wanted, isAside, shown } = job;
  if (from.kind !== 'registry')
    throw new KnownError('E_USAGE', `"${printable(shown, 300)}" is not in a registry: there is nothing to plan`);
  const { reference } = from;
  const client = registryClient(reference, options, { signal, emit: () => {} });
  try {
    const known = isAside ? undefined : await ifUpToDate(client, { root, reference, wanted });
    if (known !== undefined) {
      const layers = (keptLayers(root, known.id) ?? []).map((blob) => ({ blob, chainId: undefined }));
      return { job, digest: known.digest, image: known.id, upToDate: true, layers };
    }
    return await resolveRemote(client, job, reference);
  } finally {
    for (const { endpoint, ...limit } of client.pullLimits()) limits.set(endpoint, limit);
    client.close();
  }
}

async function resolveRemote(client: RegistryClient, job: PullJob, reference: Reference): Promise<Resolved> {
  const resolved = await resolveImage(client, reference, job.wanted);
  checkPlatform(resolved.config, { name: job.shown, wanted: job.wanted, emit: () => {} });
  const { digest, image } = resolved;
  return { job, digest, image, upToDate: false, layers: planLayers(resolved) };
}

function sumUp(
  root: string,
  answers: readonly (Resolved | Failed)[],
  limits: ReadonlyMap<string, PullLimit>,
): PullPlan {
  const fetched = new Set<string>();
  const missing: Descriptor[] = [];
  const images = answers.map((answer): PlannedImage => {
    if ('error' in answer)
      return { ...nothing, reference: answer.name, platform: answer.platform, error: answer.error };
    const { job, digest, image, upToDate } = answer;
    const layers = answer.layers.map(({ blob, chainId }) => {
      const status = statusOf(root, blob, { chainId, image, fetched, missing });
      const keptBytes = status === 'fetch' ? Math.min(partialBlobBytes(root, blob.digest), blob.size) : 0;
      return { digest: blob.digest, size: blob.size, status, keptBytes };
    });
    const sum = (wanted: string) =>
      layers.filter(({ status }) => status === wanted).reduce((all, { size, keptBytes }) => all + size - keptBytes, 0);
    const platform = job.wanted === undefined ? null : formatPlatform(job.wanted);
    const bytes = { fetchBytes: sum('fetch'), hereBytes: sum('here'), sharedBytes: sum('shared') };
    return { reference: job.shown, platform, digest, image, upToDate, layers, ...bytes, error: null };
  });
  const total = (key: 'fetchBytes' | 'hereBytes' | 'sharedBytes') => images.reduce((all, image) => all + image[key], 0);
  const { least, likely } = neededSpace(missing);
  const space = freeSpace(root);
  return {
    images,
    fetchBytes: total('fetchBytes'),
    hereBytes: total('hereBytes'),
    sharedBytes: total('sharedBytes'),
    least,
    likely,
    free: { bytes: space.bytes ?? null, inodes: space.inodes ?? null },
    limits: [...limits].map(([endpoint, limit]) => ({ endpoint, ...limit })),
    verdict: images.every(({ upToDate }) => upToDate)
      ? 'up to date'
      : holds(space, likely)
        ? 'fits'
        : holds(space, least)
          ? 'may not fit'
          : 'does not fit',
  };
}

const nothing = {
  digest: null,
  image: null,
  upToDate: false,
  fetchBytes: 0,
  hereBytes: 0,
  sharedBytes: 0,
  layers: [],
};

interface Counting {
  /** Undefined for a layer of an image that is complete. */
  chainId: ChainId | undefined;
  image: ImageId;
  /** Layers by chain, and blobs by image, that somebody fetches already. */
  fetched: Set<string>;
  /** Of layers that take room, the same blob as often as it is unpacked. */
  missing: Descriptor[];
}

/** As a pull decides: a layer is fetched once for all images, and a blob once for all layers of an image. */
function statusOf(root: string, blob: Descriptor, { chainId, image, fetched, missing }: Counting): Status {
  if (chainId === undefined || readLayer(root, chainId) !== undefined) return 'here';
  if (fetched.has(chainId)) return 'shared';
  missing.push(blob);
  fetched.add(chainId);
  const ofImage = `${image} ${blob.digest}`;
  if (fetched.has(ofImage)) return 'shared';
  fetched.add(ofImage);
  return 'fetch';
}
