/**
 * The bytes of a blob, in order and exactly as many as its descriptor says, over connections that may break. Runs in
 * the main thread or in a worker; over node:http(s), which costs less for large bodies than got. The caller checks the
 * digest: it sees every byte once, whichever answer it came from.
 */
import { KnownError } from '../../store/errors.js';
import { type BodyEnd, consumeBody, tooLong } from './blob-body.js';
import { type Exchange, exchange } from './exchange.js';
import { isPassing, isTimeout, networkError } from './network-error.js';
import { readError } from './read-error.js';
import { registryError } from './registry-error.js';
import { cancelled, isPassingStatus, maxTries, pause, waitBefore } from './retry.js';
import type { TransportSettings } from './settings.js';
import type { Transport } from './transport.js';

/** Plain data for a worker thread. Holds the token that was current, and proxy URLs as the environment has them. */
export interface BlobTarget {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly transport: TransportSettings;
  /** The repository, for messages. */
  readonly name: string;
}

export interface StreamBlobOptions {
  readonly target: BlobTarget;
  /** Bytes, from the descriptor. */
  readonly size: number;
  /** Bytes that the caller has already; default none. */
  readonly offset?: number;
  /** Opened from `target.transport` by `openTransport`, once for each thread. */
  readonly transport: Transport;
  /** Takes bytes synchronously; they are valid only during the call. What it throws ends the stream. */
  readonly onChunk: (chunk: Buffer) => void;
  /** Asks the registry client for an answer to a challenge. */
  readonly authorize: (challenge: string, rejected: string | undefined) => Promise<string | undefined>;
  readonly onRetry?: (retry: BlobRetry) => void;
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

interface Progress {
  /** Bytes handed on. */
  offset: number;
  authorization: string | undefined;
  /** False after a server answered a Range request with nonsense. */
  useRange: boolean;
}

type TryEnd =
  | BodyEnd
  | { readonly kind: 'challenged'; readonly challenge: string; readonly error: KnownError }
  | { readonly kind: 'refused'; readonly error: KnownError; readonly retryAfter: string | undefined };

/** Resolves when `size` bytes were handed on. @throws KnownError, or what `onChunk` throws */
export async function streamBlob(options: StreamBlobOptions): Promise<void> {
  const { target, size, offset = 0, signal } = options;
  if (offset === size && size > 0) return;
  const progress: Progress = { offset, authorization: target.authorization, useRange: true };
  let failures = 0;
  let challenges = 0;
  while (true) {
    if (signal?.aborted) throw cancelled(signal.reason);
    const before = progress.offset;
    const end = await tryOnce(options, progress);
    if (end.kind === 'complete') return;
    const url = new URL(target.url);
    if (end.kind === 'failed') throw end.error;
    if (progress.offset - before >= enoughBytes) {
      failures = 0;
      challenges = 0;
    }
    if (end.kind === 'challenged') {
      const next =
        ++challenges > maxChallenges ? undefined : await options.authorize(end.challenge, progress.authorization);
      if (next === undefined) throw end.error;
      progress.authorization = next;
      continue;
    }
    const error = networkError(end.error, 'GET', url);
    if (signal?.aborted) throw cancelled(signal.reason);
    const delayMs = waitBefore(++failures, end.kind === 'refused' ? end.retryAfter : undefined);
    if (failures >= maxTries || delayMs === undefined) throw error;
    options.onRetry?.({ offset: progress.offset, delayMs, error });
    await pause(delayMs, signal);
    if (size === progress.offset) return;
  }
}

async function tryOnce(options: StreamBlobOptions, progress: Progress): Promise<TryEnd> {
  const { target, transport, signal } = options;
  const resuming = progress.offset > 0 && progress.useRange;
  let answer: Exchange;
  try {
    answer = await exchange({
      method: 'GET',
      url: new URL(target.url),
      headers: {
        'user-agent': 'tspull',
        'accept-encoding': 'identity',
        ...(resuming && { range: `bytes=${progress.offset}-` }),
      },
      authorization: progress.authorization,
      transport,
      signal,
    });
  } catch (error) {
    const network = error instanceof KnownError && error.code === 'E_NETWORK';
    // Once bytes have come, even a closed port is worth another try: a registry may be restarting.
    const retry = network && (progress.offset > 0 || isPassing(error) || isTimeout(error));
    return { kind: retry ? 'cut' : 'failed', error };
  }
  if (answer.status === 200) return receive(answer, options, progress, progress.offset);
  if (answer.status === 206 && resuming && coversRest(answer, progress.offset, options.size))
    return receive(answer, options, progress, 0);
  if (answer.status === 206 || answer.status === 416) {
    answer.response.destroy();
    progress.useRange = false;
    return { kind: 'cut', error: new KnownError('E_REGISTRY', `${answer.url.host} answers a Range request wrongly`) };
  }
  return refusal(answer, target);
}

function receive(answer: Exchange, options: StreamBlobOptions, progress: Progress, skip: number): Promise<BodyEnd> {
  const { response, url } = answer;
  const wanted = options.size - progress.offset;
  const length = response.headers['content-length'];
  if (length !== undefined && Number(length) > skip + wanted) {
    response.destroy();
    return Promise.resolve({ kind: 'failed', error: tooLong(url.host) });
  }
  return consumeBody(response, {
    skip,
    wanted,
    onChunk(chunk) {
      // Counted before the call: the consumer may have used a part when it throws, and is never called again then.
      progress.offset += chunk.length;
      options.onChunk(chunk);
    },
    timeouts: options.transport.settings.timeouts,
    host: url.host,
  });
}

/** `bytes 100-199/200`: it must begin where we are, stay inside the blob and agree about its length. */
function coversRest({ response }: Exchange, offset: number, size: number): boolean {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
  if (match === null) return false;
  const [, start, end, total] = match;
  return Number(start) === offset && Number(end) < size && (total === '*' || Number(total) === size);
}

async function refusal(answer: Exchange, target: BlobTarget): Promise<TryEnd> {
  const { response, status, foreign } = answer;
  const secrets = target.authorization === undefined ? [] : [target.authorization.replace(/^\w+ /, '')];
  const error = registryError({ status, body: await readError(response) }, { name: target.name }, secrets);
  const challenge = response.headers['www-authenticate'];
  if (status === 401 && !foreign && challenge !== undefined) return { kind: 'challenged', challenge, error };
  // Elsewhere a refusal may mean that a signed URL has expired; the registry gives a new one.
  if (isPassingStatus(status) || (foreign && (status === 401 || status === 403)))
    return { kind: 'refused', error, retryAfter: response.headers['retry-after'] };
  return { kind: 'failed', error };
}
