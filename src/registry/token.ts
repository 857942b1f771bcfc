/** Bearer tokens (distribution "Token Authentication" and its OAuth2 variant). */
import { KnownError } from '../../store/errors.js';
import type { Credentials } from './credentials.js';
import { type ApiResponse, apiRequest } from './http.js';
import { isPassing } from './network-error.js';
import { firstHop, isRedirect, nextHop } from './redirect.js';
import { registryError, type Subject } from './registry-error.js';
import { isPassingStatus, withRetries } from './retry.js';
import { shownUrl } from './shown-url.js';
import type { Transport } from './transport.js';

export interface TokenRequest {
  /** Checked by {@link checkRealm}. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly transport: Transport;
  readonly subject: Subject;
  readonly secrets: readonly string[];
  readonly signal: AbortSignal | undefined;
}

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

const maxTokenBytes = 1024 * 1024;
/** What the protocol says a token lasts when the server does not say. */
const defaultLifetimeS = 60;

/** @throws KnownError `E_DENIED` when the server refuses, `E_REGISTRY`, `E_NETWORK`, `E_TLS` */
export async function fetchToken(request: TokenRequest): Promise<Token> {
  const asked = Date.now();
  const answer = await withRetries(async () => {
    try {
      const response = await send(request);
      if (response.status === 200) return { value: response };
      const error = registryError(response, request.subject, request.secrets);
      if (!isPassingStatus(response.status)) throw error;
      return { error, retryAfter: response.headers['retry-after'] };
    } catch (error) {
      if (error instanceof KnownError && error.code === 'E_NETWORK' && isPassing(error)) return { error };
      throw error;
    }
  }, request.signal);
  return parseToken(answer.body, asked, request.realm);
}

/** A redirect may lead to another page of the same origin only: the request carries a password or refresh token. */
async function send(request: TokenRequest): Promise<ApiResponse> {
  const { credentials, transport, signal } = request;
  const byForm = credentials?.kind === 'identity';
  let hop = firstHop(byForm ? request.realm : withQuery(request));
  for (;;) {
    const response = await apiRequest({
      method: byForm ? 'POST' : 'GET',
      url: hop.url,
      headers: requestHeaders(credentials),
      ...(byForm && { body: form(request, credentials.token) }),
      maxBytes: maxTokenBytes,
      transport,
      signal,
    });
    if (!isRedirect(response.status)) return response;
    hop = nextHop(hop, response.headers.location);
    if (hop.foreign)
      throw new KnownError(
        'E_REGISTRY',
        `the token server ${request.realm.host} redirects to ${hop.url.host}; not followed`,
        { hint: 'it would be sent credentials: tell whoever runs the registry' },
      );
  }
}

function withQuery({ realm, service, scopes, credentials }: TokenRequest): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.append('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credentials?.kind === 'password') url.searchParams.append('account', credentials.username);
  return url;
}

function form({ service, scopes }: TokenRequest, refreshToken: string): string {
  const fields = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'tspull', refresh_token: refreshToken });
  if (service !== undefined) fields.set('service', service);
  fields.set('scope', scopes.join(' '));
  return fields.toString();
}

function requestHeaders(credentials: Credentials | undefined): Record<string, string> {
  if (credentials?.kind === 'password') return { authorization: basicAuthorization(credentials) };
  return credentials?.kind === 'identity' ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
}

export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

const tellThem = 'try again, and tell whoever runs the registry if it stays so';

function parseToken(body: Buffer, asked: number, realm: URL): Token {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    answer = JSON.parse(body.toString('utf8')) ?? {};
  } catch {
    // The parser's message would quote the token.
    throw new KnownError('E_REGISTRY', `GET "${shownUrl(realm)}": the token server's answer is not JSON`, {
      hint: tellThem,
    });
  }
  const value = answer.token || answer.access_token;
  // Anything else could not travel in a header.
  if (typeof value !== 'string' || !/^[\u0021-\u007e]+$/.test(value))
    throw new KnownError(
      'E_REGISTRY',
      `GET "${shownUrl(realm)}": authorization server did not include a token in the response`,
      { hint: tellThem },
    );
  const lifetime =
    typeof answer.expires_in === 'number' && answer.expires_in > 0 ? answer.expires_in : defaultLifetimeS;
  return { value, expires: asked + lifetime * 1000 };
}
