/**
 * The bytes of a blob, in order and exactly as many as its descriptor says, over connections that may break and from
 * endpoints that may fail. Runs in the main thread or in a worker; over node:http(s), which costs less for large bodies
 * than got. The caller checks the digest: it sees every byte once, whichever answer it came from.
 */
import type { KnownError } from '../../store/errors.js';
import { streamRanges } from './blob-ranges.js';
import type { BlobChallenge, BlobFailover, BlobTarget } from './blob-target.js';
import { type Place, type Progress, tryOnce } from './blob-try.js';
import { allFailed } from './failover.js';
import { judge } from './failure-kind.js';
import { isTimeout, networkError } from './network-error.js';
import type { RateLimit } from './rate-limit.js';
import type { OnPhase } from './request-phases.js';
import { cancelled, pause } from './retry.js';
import type { TransportSettings } from './settings.js';
import type { Transport } from './transport.js';
import { createTurns } from './turns.js';

export interface StreamBlobOptions {
  readonly target: BlobTarget;
  /** Bytes, from the descriptor. */
  readonly size: number;
  /** Bytes that the caller has already; default none. */
  readonly offset?: number;
  /** The connections of this thread, which are kept for other blobs. */
  readonly transportFor: (settings: TransportSettings) => Transport;
  /** Takes bytes synchronously; they are valid only during the call. What it throws ends the stream. */
  readonly onChunk: (chunk: Buffer) => void;
  /** Asks the registry client for an answer to a challenge. */
  readonly authorize: (challenge: BlobChallenge) => Promise<string | undefined>;
  readonly onRetry?: (retry: BlobRetry) => void;
  readonly onFailover?: (failover: BlobFailover) => void;
  /** An endpoint, by its id, begins to serve bytes. */
  readonly onSource?: (endpoint: number) => void;
  readonly onPhase?: OnPhase;
  readonly rate?: RateLimit | undefined;
  /** To one endpoint at the same time, as long as it answers for ranges; default 1. */
  readonly connections?: number;
  readonly signal?: AbortSignal;
}

export interface BlobRetry {
  /** Bytes that were handed on so far. */
  readonly offset: number;
  readonly delayMs: number;
  readonly error: KnownError;
}

/** A try that brought this many bytes was worth it: the count of tries starts again. */
const enoughBytes = 64 * 1024;
/** Challenges in a row that are answered; a token that expires during a long download is one. */
const maxChallenges = 2;

/** Resolves when `size` bytes were handed on. @throws KnownError, or what `onChunk` throws */
export async function streamBlob(options: StreamBlobOptions): Promise<void> {
  const { size, offset: start = 0, signal, transportFor, onChunk, onSource, onPhase, rate } = options;
  const { connections = 1 } = options;
  if (start === size && size > 0) return;
  const { endpoints, name } = options.target;
  const places = endpoints.map((endpoint): Place => {
    const { urls, authorization } = endpoint;
    return {
      endpoint,
      urls,
      authorization,
      challenges: 0,
      delivered: 0,
      useRange: true,
      mayRange: connections > 1,
      isLast: endpoint === endpoints.at(-1),
    };
  });
  const turns = createTurns(places.length);
  const progress: Progress = { offset: start };
  const failures = new Map<number, KnownError>();
  const common = { name, size, transportFor, onChunk, onSource, onPhase, rate, signal };
  const inRanges = (place: Place) => {
    const onCut = (error: KnownError, delayMs: number) =>
      options.onRetry?.({ offset: progress.offset, delayMs, error });
    const answer = (challenge: string) => answerChallenge(challenge, place, options);
    return streamRanges({ ...common, connections, answerChallenge: answer, onCut }, place, progress);
  };
  while (true) {
    if (signal?.aborted) throw cancelled(signal.reason);
    const place = placeAt(places, turns.current());
    if (place.mayRange) {
      place.mayRange = false;
      if (await inRanges(place)) return;
    }
    const before = progress.offset;
    const end = await tryOnce(common, place, progress);
    if (end.kind === 'complete') return;
    if (end.kind === 'failed') throw end.error;
    if (end.kind === 'no tls') continue;
    const useful = progress.offset - before >= enoughBytes;
    if (useful) {
      turns.forgive();
      place.challenges = 0;
    }
    if (end.kind === 'challenged' && (await answerChallenge(end.challenge, place, options))) continue;
    const error = networkError(end.error, 'GET', new URL(place.urls[0] ?? ''));
    if (signal?.aborted) throw cancelled(signal.reason);
    failures.set(place.endpoint.id, error);
    const lasting = end.kind === 'lost' || end.kind === 'challenged' || (!place.isLast && isTimeout(error));
    const retryAfter = end.kind === 'refused' ? end.retryAfter : undefined;
    const delayMs = turns.fail({ lasting, retryAfter, stay: useful });
    if (delayMs === undefined) throw allFailed(endpoints, failures);
    const next = placeAt(places, turns.current());
    const { offset } = progress;
    if (next === place) options.onRetry?.({ offset, delayMs, error });
    else options.onFailover?.(failover(place, next, { offset, error, lasting }));
    if (delayMs > 0) await pause(delayMs, signal);
    if (size === offset) return;
  }
}

function placeAt(places: readonly Place[], index: number): Place {
  const place = places[index];
  if (place === undefined) throw new Error('a blob without an endpoint');
  return place;
}

function failover(
  from: Place,
  to: Place,
  { offset, error, lasting }: { offset: number; error: KnownError; lasting: boolean },
): BlobFailover {
  return { from: from.endpoint.id, to: to.endpoint.id, offset, reason: error.message, ...judge(error, lasting) };
}

async function answerChallenge(challenge: string, place: Place, { authorize }: StreamBlobOptions): Promise<boolean> {
  if (++place.challenges > maxChallenges) return false;
  const { endpoint, urls, authorization: rejected } = place;
  const next = await authorize({ endpoint: endpoint.id, url: urls[0] ?? '', challenge, rejected });
  if (next === undefined) return false;
  place.authorization = next;
  return true;
}
