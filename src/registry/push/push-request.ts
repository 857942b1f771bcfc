/** One request of a push: with credentials for the registry's own origin, its answer read with a limit. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { KnownError } from '../../../store/errors.js';
import { type Api, ownHeaders } from '../api.js';
import { exchange, type RequestBody } from '../exchange.js';
import { maxErrorBytes } from '../http.js';
import { networkError } from '../network-error.js';
import { isRedirect } from '../redirect.js';
import type { Place } from './place.js';

export interface PushRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly place: Place;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: RequestBody;
  /** The body is small enough to be sent again at once when the registry wants credentials first. */
  readonly isCheap?: boolean;
}

export interface PushAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The first bytes of it. */
  readonly body: Buffer;
  /** Where it came from. */
  readonly place: Place;
}

/** @throws KnownError `E_NETWORK`, `E_TLS`, `E_REGISTRY`, `E_CANCELLED`, `E_DENIED` */
export async function pushRequest(api: Api, request: PushRequest): Promise<PushAnswer> {
  const { authorizer } = api;
  const { place } = request;
  const sent = place.isForeign ? undefined : authorizer.current();
  const first = await sendOnce(api, request, sent);
  const challenge = first.headers['www-authenticate'];
  if (first.status !== 401 || first.place.isForeign || challenge === undefined) return first;
  const authorization = await authorizer.answer(place.url, challenge, sent);
  if (authorization === undefined) {
    if (/^\s*basic\b/i.test(challenge) && sent === undefined) throw noCredentials(api);
    return first;
  }
  return request.body === undefined || request.isCheap ? await sendOnce(api, request, authorization) : first;
}

function noCredentials({ repository }: Api): KnownError {
  return new KnownError('E_DENIED', 'no basic auth credentials', {
    hint: `log in with 'tsimage login', or check the name ${repository}`,
  });
}

async function sendOnce(
  api: Api,
  { method, place, headers, body }: PushRequest,
  authorization: string | undefined,
): Promise<PushAnswer> {
  // A body that cannot be made is not the connection's failure.
  let failure: { error: unknown } | undefined;
  const guarded: RequestBody | undefined =
    body &&
    (async (request) => {
      try {
        await body(request);
      } catch (error) {
        failure = { error };
        throw error;
      }
    });
  try {
    const { response, status, url, foreign } = await exchange({
      method,
      url: place.url,
      isForeign: place.isForeign,
      body: guarded,
      headers: { 'user-agent': 'tspull', ...headers },
      ownHeaders: ownHeaders(api),
      authorization,
      transport: api.transport,
      signal: api.signal,
    });
    const answer = { status, headers: response.headers, place: { url, isForeign: foreign } };
    if (isRedirect(status)) {
      response.destroy();
      throw new KnownError('E_REGISTRY', `registry ${url.host} redirects an upload, which is not followed`, {
        hint: 'tell whoever runs the registry',
      });
    }
    return { ...answer, body: await readBody(response, method, url) };
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  }
}

async function readBody(response: IncomingMessage, method: string, url: URL): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      // Leaving the loop ends the connection.
      if (length >= maxErrorBytes) break;
    }
  } catch (error) {
    // The head has said what matters.
    if (response.statusCode === undefined || response.statusCode >= 300) throw networkError(error, method, url);
  }
  return Buffer.concat(chunks);
}
