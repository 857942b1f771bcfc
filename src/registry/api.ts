/** GET requests to the API of one endpoint: with credentials, redirects and retries. */
import type { IncomingHttpHeaders } from 'node:http';
import { KnownError } from '../../store/errors.js';
import type { Authorizer } from './authorizer.js';
import type { Endpoint } from './endpoint.js';
import { type ApiResponse, apiRequest } from './http.js';
import { isPassing } from './network-error.js';
import { firstHop, isRedirect, nextHop } from './redirect.js';
import { registryError, type Subject } from './registry-error.js';
import { type Attempt, isPassingStatus, withRetries } from './retry.js';
import type { Transport } from './transport.js';

export interface Api {
  readonly endpoint: Endpoint;
  readonly authorizer: Authorizer;
  readonly transport: Transport;
  readonly signal: AbortSignal | undefined;
  /** `library/ubuntu` */
  readonly repository: string;
  /** Value of the `ns` query, if there is to be one. */
  readonly namespace: string | undefined;
  /** Sent with every request to the endpoint's own origin. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** What must never be shown. */
  secrets(): string[];
}

export interface ApiGet {
  /** Relative to the repository, such as `tags/list?n=100`. */
  readonly path: string;
  readonly accept?: string;
  readonly maxBytes: number;
  readonly subject: Subject;
}

export interface ApiAnswer {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** The body of a good answer. @throws KnownError for any other, in Docker's words. */
export function apiGet(api: Api, get: ApiGet): Promise<ApiAnswer> {
  return withRetries(() => apiTry(api, get), api.signal);
}

/** One try of {@link apiGet}: failures that may pass are returned. */
export async function apiTry(api: Api, get: ApiGet): Promise<Attempt<ApiAnswer>> {
  try {
    const response = await api.endpoint.request((base) => getAuthorized(api, get, base));
    if (response.status === 200) return { value: response };
    const error = registryError(response, get.subject, api.secrets());
    if (!isPassingStatus(response.status)) throw error;
    return { error, retryAfter: response.headers['retry-after'] };
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_NETWORK' && isPassing(error)) return { error };
    throw error;
  }
}

/** The URL of something in the repository. */
export function repositoryUrl({ repository, namespace }: Api, path: string, base: URL): URL {
  const url = new URL(`${repository}/${path}`, base);
  if (namespace !== undefined) url.searchParams.append('ns', namespace);
  return url;
}

/** Answers one challenge of the registry itself; who else asks for credentials gets none. */
async function getAuthorized(api: Api, get: ApiGet, base: URL): Promise<ApiResponse> {
  const sent = api.authorizer.current();
  const first = await getRedirected(api, get, base, sent);
  const challenge = first.response.headers['www-authenticate'];
  if (first.response.status !== 401 || first.foreign || challenge === undefined) return first.response;
  const authorization = await api.authorizer.answer(base, challenge, sent);
  if (authorization === undefined) return first.response;
  return (await getRedirected(api, get, base, authorization)).response;
}

async function getRedirected(api: Api, get: ApiGet, base: URL, authorization: string | undefined) {
  const { transport, signal } = api;
  let hop = firstHop(repositoryUrl(api, get.path, base));
  for (;;) {
    const headers = {
      'user-agent': 'tspull',
      ...(get.accept !== undefined && { accept: get.accept }),
      ...(!hop.foreign && ownHeaders(api)),
      ...(authorization !== undefined && !hop.foreign && { authorization }),
    };
    const response = await apiRequest({
      method: 'GET',
      url: hop.url,
      headers,
      maxBytes: get.maxBytes,
      transport,
      signal,
    });
    if (!isRedirect(response.status)) return { response, foreign: hop.foreign };
    hop = nextHop(hop, response.headers.location);
  }
}

/** As Node takes them. */
export function ownHeaders({ headers }: Pick<Api, 'headers'>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}
