/** Several pulls at once, with one limit on the layers in work: names, all tags of a name, several platforms of each. */
import { KnownError } from '../../store/errors.js';
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { parseReference } from '../reference.js';
import { type EventStream, openEventStream } from './event-stream.js';
import {
  inRegistry,
  type PulledImage,
  type PullJob,
  type PullOptions,
  registryClient,
  runPull,
  type Shared,
  shareOf,
  tellFailure,
  whatIsNamed,
} from './pull.js';
import { referenceFor } from './reference-for.js';
import { parseSource } from './sources/source-name.js';

export interface PullManyOptions extends PullOptions {
  /** Several platforms of each name. The tag is given to this machine's if it is among them, else to the first; the others get none. */
  platforms?: readonly string[];
  /** Every tag of the names, which must have none themselves. */
  allTags?: boolean;
}

export interface PullOutcome {
  /** As it was given. */
  name: string;
  images: PulledImage[];
  /** Each is a KnownError, or a bug. */
  errors: unknown[];
}

/** Their documents are asked for at the same time; how many layers are in work is limited elsewhere. */
const IMAGES_AT_ONCE = 4;

/** As `pullAll` for several names: what fails does not stop the others. Never rejects because of one of them. */
export async function pullMany(names: readonly string[], options: PullManyOptions = {}): Promise<PullOutcome[]> {
  const platforms = platformsOf(options);
  const shared = shareOf(options);
  const stream = openEventStream(options.onEvent);
  const outcomes = names.map((name): PullOutcome => ({ name, images: [], errors: [] }));
  let pulls = 0;
  const fail = (outcome: PullOutcome, error: unknown) => {
    tellFailure(stream.emitFor(pulls++), outcome.name, error);
    outcome.errors.push(error);
  };
  try {
    const found = await Promise.allSettled(names.map((name) => jobsFor(name, platforms, options, shared.signal)));
    const jobs = outcomes.flatMap((outcome, at) => {
      const result = found[at];
      if (result?.status === 'fulfilled') return result.value.map((job) => ({ job, outcome, pull: pulls++ }));
      fail(outcome, result?.reason);
      return [];
    });
    const results = await inTurns(jobs, ({ job, pull }) => runOne(job, pull, { options, shared, stream }));
    for (const [at, { outcome }] of jobs.entries()) {
      const result = results[at] ?? [];
      if (Array.isArray(result)) outcome.images.push(...result);
      else outcome.errors.push(result.error);
    }
    return outcomes;
  } finally {
    await shared.engine.close();
    stream.end();
  }
}

interface Surroundings {
  options: PullOptions;
  shared: Shared;
  stream: EventStream;
}

async function runOne(job: PullJob, pull: number, { options, shared, stream }: Surroundings) {
  try {
    return await runPull(job, options, { ...shared, emit: stream.emitFor(pull) });
  } catch (error) {
    return { error };
  }
}

/** Results in the order of the items. */
export async function inTurns<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [at, item] of left) results[at] = await run(item);
  };
  await Promise.all(Array.from({ length: IMAGES_AT_ONCE }, worker));
  return results;
}

export function platformsOf({ platform, platforms = [] }: PullManyOptions): (Platform | undefined)[] {
  const all = [...(platform === undefined ? [] : [platform]), ...platforms].map(parsePlatform);
  const byName = new Map(all.map((item) => [formatPlatform(item), item]));
  return byName.size === 0 ? [undefined] : [...byName.values()];
}

/** What a name stands for: a pull for each tag and platform. */
export async function jobsFor(
  name: string,
  platforms: readonly (Platform | undefined)[],
  options: PullManyOptions,
  signal: AbortSignal,
): Promise<PullJob[]> {
  const named = options.allTags ? await eachTag(name, options, signal) : [await whatIsNamed(name, options)];
  if (platforms.length > 1 && named.some(({ from }) => from.kind !== 'registry'))
    throw new KnownError('E_USAGE', `"${printable(name, 300)}" is not in a registry: it is pulled for one platform`);
  const host = formatPlatform(hostPlatform());
  const first = platforms.find((item) => item !== undefined && formatPlatform(item) === host) ?? platforms[0];
  const mostImages = Number.POSITIVE_INFINITY;
  return named.flatMap((one) =>
    platforms.map((wanted) => ({ name, ...one, wanted, isAside: wanted !== first, mostImages })),
  );
}

async function eachTag(name: string, options: PullOptions, signal: AbortSignal) {
  const source = parseSource(name);
  if (source.kind !== 'registry')
    throw new KnownError('E_USAGE', `"${printable(name, 300)}" is not in a registry, which could list its tags`);
  const { tag, digest } = parseReference(source.name);
  if (tag !== undefined || digest !== undefined)
    throw new KnownError('E_USAGE', "tag can't be used with --all-tags/-a");
  const reference = await referenceFor(source.name, options.shortNames, options.configDir);
  const client = registryClient(reference, options, { signal, emit: () => {} });
  try {
    return (await client.listTags()).map((one) => inRegistry({ ...reference, tag: one }));
  } finally {
    client.close();
  }
}
