/** One request to one endpoint for a blob, or for the rest of it. */
import { KnownError } from '../../store/errors.js';
import { type BodyEnd, consumeBody, tooLong } from './blob-body.js';
import type { BlobEndpoint } from './blob-target.js';
import { type Exchange, exchange } from './exchange.js';
import { isPassing, isTimeout, speaksNoTls } from './network-error.js';
import type { RateLimit } from './rate-limit.js';
import { readError } from './read-error.js';
import { registryError } from './registry-error.js';
import type { OnPhase } from './request-phases.js';
import { isPassingStatus } from './retry.js';
import type { TransportSettings } from './settings.js';
import type { Transport } from './transport.js';

export interface BlobTry {
  /** The repository, for messages. */
  readonly name: string;
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly transportFor: (settings: TransportSettings) => Transport;
  readonly onChunk: (chunk: Buffer) => void;
  readonly onSource: ((endpoint: number) => void) | undefined;
  readonly onPhase: OnPhase | undefined;
  readonly rate: RateLimit | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What is known about one endpoint while a blob is fetched. */
export interface Place {
  readonly endpoint: BlobEndpoint;
  /** Those that are left. */
  urls: readonly string[];
  authorization: string | undefined;
  challenges: number;
  /** Bytes that came from here. */
  delivered: number;
  /** False after a server answered a Range request with nonsense. */
  useRange: boolean;
  /** It is still to be asked for several ranges at the same time. */
  mayRange: boolean;
  readonly isLast: boolean;
}

export interface Progress {
  /** Bytes handed on. */
  offset: number;
}

export type TryEnd =
  | BodyEnd
  | { readonly kind: 'challenged'; readonly challenge: string; readonly error: KnownError }
  /** This endpoint will not serve the blob. */
  | { readonly kind: 'lost'; readonly error: unknown }
  | { readonly kind: 'refused'; readonly error: KnownError; readonly retryAfter: string | undefined }
  /** Plain http is to be tried. */
  | { readonly kind: 'no tls' };

export async function tryOnce(options: BlobTry, place: Place, progress: Progress): Promise<TryEnd> {
  const { transportFor, signal } = options;
  const { endpoint, urls, authorization } = place;
  const resuming = progress.offset > 0 && place.useRange;
  let answer: Exchange;
  try {
    answer = await exchange({
      method: 'GET',
      url: new URL(urls[0] ?? ''),
      headers: {
        'user-agent': 'tspull',
        'accept-encoding': 'identity',
        ...(resuming && { range: `bytes=${progress.offset}-` }),
      },
      ownHeaders: endpoint.headers,
      authorization,
      transport: transportFor(endpoint.transport),
      signal,
      onPhase: options.onPhase,
    });
  } catch (error) {
    return unreachable(error, place);
  }
  place.urls = urls.slice(0, 1);
  if (answer.status === 200) return receive(answer, options, { place, progress, skip: progress.offset });
  if (answer.status === 206 && resuming && coversRest(answer, progress.offset, options.size))
    return receive(answer, options, { place, progress, skip: 0 });
  if (answer.status === 206 || answer.status === 416) {
    answer.response.destroy();
    place.useRange = false;
    return { kind: 'cut', error: new KnownError('E_REGISTRY', `${answer.url.host} answers a Range request wrongly`) };
  }
  return refusal(answer, place, options.name);
}

function unreachable(error: unknown, place: Place): TryEnd {
  if (place.urls.length > 1 && speaksNoTls(error)) {
    place.urls = place.urls.slice(1);
    return { kind: 'no tls' };
  }
  const isNetwork = error instanceof KnownError && error.code === 'E_NETWORK';
  // Where nobody else can be asked, even a closed port is worth another try once bytes have come: it may be restarting.
  const patience = place.isLast && (place.delivered > 0 || isTimeout(error));
  return { kind: isNetwork && (patience || isPassing(error)) ? 'cut' : 'lost', error };
}

function receive(
  answer: Exchange,
  options: BlobTry,
  { place, progress, skip }: { place: Place; progress: Progress; skip: number },
): Promise<BodyEnd> {
  const { response, url } = answer;
  const wanted = options.size - progress.offset;
  const length = response.headers['content-length'];
  options.onSource?.(place.endpoint.id);
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
      place.delivered += chunk.length;
      options.onChunk(chunk);
    },
    timeouts: place.endpoint.transport.timeouts,
    rate: options.rate,
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

/** What stores of blobs say to a signed URL whose time is over. */
const expired: ReadonlySet<number> = new Set([400, 401, 403, 410]);

async function refusal(answer: Exchange, { endpoint, authorization }: Place, name: string): Promise<TryEnd> {
  const { response, status, foreign } = answer;
  const secrets = [authorization?.replace(/^\w+ /, '') ?? '', ...Object.values(endpoint.headers).flat().map(String)];
  const { headers } = response;
  const error = registryError({ status, headers, body: await readError(response) }, { name }, secrets);
  const challenge = headers['www-authenticate'];
  if (status === 401 && !foreign && challenge !== undefined) return { kind: 'challenged', challenge, error };
  // Elsewhere a refusal may mean that a signed URL has expired; the registry gives a new one.
  if (isPassingStatus(status) || (foreign && expired.has(status)))
    return { kind: 'refused', error, retryAfter: headers['retry-after'] };
  return { kind: 'lost', error };
}
