/**
 * One blob to a registry (distribution-spec, "Pushing blobs"): a place for it is asked for, the bytes are sent there, and a last request
 * says what they are. All goes as one stream, as Docker sends it; where that breaks the registry is asked how much it has, and the rest
 * follows in chunks of known length. A registry that cannot say, or that does not keep to it, gets the blob from its beginning.
 */
import { KnownError } from '../../../store/errors.js';
import type { Digest } from '../../../store/oci/digest.js';
import type { Api } from '../api.js';
import { givenUp, isPassing } from '../network-error.js';
import { registryError, type Subject } from '../registry-error.js';
import { isPassingStatus, maxTries, pause, waitBefore } from '../retry.js';
import { type Place, placeAfter } from './place.js';
import { type PushAnswer, type PushRequest, pushRequest } from './push-request.js';
import { bodyOf } from './request-body.js';

export interface BlobSource {
  /** All bytes, the same each time. What it throws ends the upload. */
  open(): AsyncIterable<Buffer> | Iterable<Buffer>;
  /** After the bytes were read once to their end. */
  digest(): Digest;
}

export interface UploadOptions {
  readonly api: Api;
  readonly subject: Subject;
  readonly source: BlobSource;
  /** An upload that was begun already, by an attempt to mount the blob. */
  readonly begun?: Begun | undefined;
  /** Asks for a place to upload to. */
  readonly begin: () => Promise<Begun>;
  /** Whether the registry has the blob, after a request that nobody has answered. */
  readonly has: (digest: Digest) => Promise<boolean>;
  /** Bytes that are there; may go back. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly onRetry?: ((retry: UploadRetry) => void) | undefined;
}

export interface UploadRetry {
  readonly offset: number;
  readonly delayMs: number;
  readonly reason: string;
}

/** A place for one upload. */
export interface Begun {
  readonly place: Place;
  /** Smallest chunk that the registry takes, but for the last one. */
  readonly leastChunk: number;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const MOST_CHUNK_BYTES = 128 * 1024 * 1024;

/** What ends one upload but not the blob's: it is begun again. */
class UploadLost extends Error {
  constructor(
    readonly reason: KnownError,
    readonly retryAfter: string | undefined,
    readonly wantsChunks: boolean,
  ) {
    super(reason.message);
  }
}

/** @throws KnownError, or what the source throws */
export async function uploadBlob(options: UploadOptions): Promise<Digest> {
  let { begun } = options;
  let inChunks = false;
  for (let failures = 1; ; failures++) {
    try {
      begun ??= await options.begin();
      const place = inChunks
        ? await sendChunks(options, begun, { offset: 0, wantsChunks: true })
        : await sendStream(options, begun);
      return await finish(options, place);
    } catch (error) {
      const lost = asLost(error);
      if (lost === undefined) throw error;
      const delayMs = waitBefore(failures, lost.retryAfter);
      if (failures >= maxTries || delayMs === undefined) throw givenUp(lost.reason);
      inChunks ||= lost.wantsChunks;
      begun = undefined;
      options.onRetry?.({ offset: 0, delayMs, reason: lost.reason.message });
      await pause(delayMs, options.api.signal);
    }
  }
}

function asLost(error: unknown): UploadLost | undefined {
  if (error instanceof UploadLost) return error;
  const passes = error instanceof KnownError && error.code === 'E_NETWORK' && isPassing(error);
  return passes ? new UploadLost(error, undefined, false) : undefined;
}

/** @returns where the upload is to be ended */
async function sendStream(options: UploadOptions, begun: Begun): Promise<Place> {
  const { source, onProgress } = options;
  let sent = 0;
  const onSent = (bytes: number) => {
    sent += bytes;
    onProgress?.(sent);
  };
  const outcome = await tryRequest(options, {
    method: 'PATCH',
    place: begun.place,
    headers: { 'content-type': 'application/octet-stream' },
    body: bodyOf({ open: () => source.open(), stallMs: stallMs(options), onSent }),
  });
  if ('answer' in outcome) return placeAfter(begun.place, outcome.answer.headers['location']);
  if (outcome.isTooLarge) throw new UploadLost(outcome.error, undefined, true);
  const delayMs = waitBefore(1, outcome.retryAfter);
  if (delayMs === undefined) throw givenUp(outcome.error);
  options.onRetry?.({ offset: sent, delayMs, reason: outcome.error.message });
  await pause(delayMs, options.api.signal);
  const there = await askOffset(options, begun.place);
  if (there === undefined) throw new UploadLost(outcome.error, outcome.retryAfter, false);
  return await sendChunks(options, { ...begun, place: there.place }, { offset: there.offset, wantsChunks: false });
}

/** The rest of the blob from an offset. A chunk that fails is sent again from where the registry says it is. */
async function sendChunks(
  options: UploadOptions,
  { place, leastChunk }: Begun,
  { offset, wantsChunks }: { offset: number; wantsChunks: boolean },
): Promise<Place> {
  const size = Math.min(MOST_CHUNK_BYTES, Math.max(CHUNK_BYTES, leastChunk));
  let here = place;
  let start = offset;
  let failures = 0;
  for await (const chunk of chunksOf(options.source.open(), offset, size)) {
    for (let rest = chunk; rest.length > 0; ) {
      const outcome = await sendChunk(options, here, start, rest);
      if ('answer' in outcome) {
        here = placeAfter(here, outcome.answer.headers['location']);
        start += rest.length;
        failures = 0;
        options.onProgress?.(start);
        break;
      }
      if (outcome.isLost) throw new UploadLost(outcome.error, outcome.retryAfter, wantsChunks);
      const delayMs = waitBefore(++failures, outcome.retryAfter);
      if (failures >= maxTries || delayMs === undefined) throw givenUp(outcome.error);
      options.onRetry?.({ offset: start, delayMs, reason: outcome.error.message });
      await pause(delayMs, options.api.signal);
      const there = await askOffset(options, here);
      const taken = there === undefined ? -1 : there.offset - start;
      // What was acknowledged is gone, or there is more than was sent.
      if (there === undefined || taken < 0 || taken > rest.length)
        throw new UploadLost(outcome.error, outcome.retryAfter, wantsChunks);
      here = there.place;
      start += taken;
      rest = rest.subarray(taken);
    }
  }
  return here;
}

function sendChunk(options: UploadOptions, place: Place, start: number, bytes: Buffer): Promise<Outcome> {
  return tryRequest(options, {
    method: 'PATCH',
    place,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': bytes.length,
      'content-range': `${start}-${start + bytes.length - 1}`,
    },
    body: bodyOf({ open: () => [bytes], stallMs: stallMs(options) }),
    isCheap: true,
  });
}

async function finish(options: UploadOptions, place: Place): Promise<Digest> {
  const digest = options.source.digest();
  const url = new URL(place.url);
  url.searchParams.append('digest', digest);
  const outcome = await tryRequest(options, {
    method: 'PUT',
    place: { ...place, url },
    headers: { 'content-length': 0 },
    body: bodyOf({ open: () => [], stallMs: stallMs(options) }),
    isCheap: true,
  });
  if ('answer' in outcome || (await options.has(digest))) return digest;
  throw new UploadLost(outcome.error, outcome.retryAfter, false);
}

/** How much of the upload is there; undefined when the registry cannot tell. */
async function askOffset(options: UploadOptions, place: Place): Promise<{ offset: number; place: Place } | undefined> {
  const outcome = await tryRequest(options, { method: 'GET', place });
  if (!('answer' in outcome) || outcome.answer.status !== 204) return undefined;
  const { range, location } = outcome.answer.headers;
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '')?.[1];
  if (last === undefined) return undefined;
  // `0-0` is what registries say of nothing as well as of one byte.
  const offset = last === '0' ? 0 : Number(last) + 1;
  return { offset, place: location === undefined ? place : placeAfter(place, location) };
}

type Outcome =
  | { readonly answer: PushAnswer }
  | {
      readonly error: KnownError;
      readonly retryAfter: string | undefined;
      /** The registry does not know the upload, or stands elsewhere with it. */
      readonly isLost: boolean;
      /** One request may not have so many bytes. */
      readonly isTooLarge: boolean;
    };

const lostStatuses: readonly number[] = [400, 404, 416];
const TOO_LARGE = 413;
const UNAUTHORIZED = 401;

/** Failures that may pass, or that another way may avoid, are returned; others are thrown. */
async function tryRequest(options: UploadOptions, request: PushRequest): Promise<Outcome> {
  const { api, subject } = options;
  let answer: PushAnswer;
  try {
    answer = await pushRequest(api, request);
  } catch (error) {
    if (!(error instanceof KnownError) || error.code !== 'E_NETWORK' || !isPassing(error)) throw error;
    return { error, retryAfter: undefined, isLost: false, isTooLarge: false };
  }
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { answer };
  const error = registryError(answer, subject, api.secrets());
  const isTooLarge = status === TOO_LARGE && request.headers?.['content-range'] === undefined;
  // The token has run out on the way, and there is a new one by now.
  const isExpired = status === UNAUTHORIZED && request.isCheap !== true && api.authorizer.current() !== undefined;
  const isLost = lostStatuses.includes(status);
  if (isPassingStatus(status) || isLost || isTooLarge || isExpired)
    return { error, retryAfter: headers['retry-after'], isLost, isTooLarge };
  throw error;
}

const stallMs = ({ api }: UploadOptions): number => api.transport.settings.timeouts.stallMs;

/** Bytes from an offset on, in pieces of one size. */
async function* chunksOf(
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  offset: number,
  size: number,
): AsyncGenerator<Buffer> {
  let skip = offset;
  let parts: Buffer[] = [];
  let length = 0;
  for await (const piece of bytes) {
    let rest = piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - rest.length;
    while (rest.length > 0) {
      const part = rest.subarray(0, size - length);
      // The source may use its buffer again.
      parts.push(Buffer.from(part));
      length += part.length;
      rest = rest.subarray(part.length);
      if (length < size) continue;
      yield Buffer.concat(parts);
      [parts, length] = [[], 0];
    }
  }
  if (length > 0) yield Buffer.concat(parts);
}
