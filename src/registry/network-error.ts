/** Failures of connections, in Docker's words where it has some. */
import { type ErrorCode, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { shownUrl } from './shown-url.js';
import { answersInPlain, networkCode, tlsError } from './tls-error.js';

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary failure in name resolution',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
};

const hints: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was broken off: try again, and look at what lies between here and there',
  ENOTFOUND: 'check the name of the registry, and the name servers of this machine',
  EAI_AGAIN: 'check the name servers of this machine',
  ECONNREFUSED: 'check that the registry is running, and on this port',
};

/** What went wrong on the way to `url`, as a KnownError. */
export function networkError(error: unknown, method: string, url: URL): KnownError {
  const known = explained(error);
  if (known !== undefined) return known;
  const request = `${method} "${shownUrl(url)}"`;
  if (error instanceof Error && error.name === 'AbortError')
    return new KnownError('E_CANCELLED', `${request} was cancelled`, { cause: error });
  return connectionError(error, request, url.host);
}

/** Where an HTTP library has put a failure of ours into one of its own. */
function explained(error: unknown): KnownError | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof KnownError) return current;
  return undefined;
}

/** @param what - was tried, such as `GET "https://…"` or `proxy host:port` */
export function connectionError(error: unknown, what: string, host: string): KnownError {
  const code = networkCode(error) ?? '';
  const text = words[code] ?? printable(error instanceof Error ? error.message : String(error), 300);
  const hint = hints[code] ?? `check the connection to ${host}, and try again`;
  return tlsError(error, what, host) ?? new KnownError('E_NETWORK', `${what}: ${text}`, { cause: error, hint });
}

/** True when there is no TLS server at all; false for anything wrong with a certificate, and for a proxy's failure. */
export function speaksNoTls(error: unknown): boolean {
  const code = networkCode(error);
  return answersInPlain(error) || code === 'ECONNREFUSED' || (code === 'ECONNRESET' && endedBeforeTls(error));
}

function endedBeforeTls(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current.message.includes('before secure TLS connection was established')) return true;
  return false;
}

// Failures of a proxy, which say nothing about the registry behind it.
const proxyFailed = 'ERR_PROXY_FAILED';
const proxyRefused = 'ERR_PROXY_REFUSED';
const gaveUp = 'ERR_GAVE_UP';
const lasting: ReadonlySet<string | undefined> = new Set([
  ...['ENOTFOUND', 'ECONNREFUSED', 'ETIMEDOUT'],
  ...[proxyRefused, gaveUp],
]);

/**
 * Trouble that may be gone in a moment. A name that does not exist and a closed port stay so; who waited for an answer
 * in vain has waited long enough.
 */
export function isPassing(error: unknown): boolean {
  return !(error instanceof KnownError && error.code !== 'E_NETWORK') && !lasting.has(networkCode(error));
}

export function isTimeout(error: unknown): boolean {
  return networkCode(error) === 'ETIMEDOUT';
}

/** For a wait that was given up: looks like the timeouts of the system and of got. */
export function timeoutError(message: string): KnownError {
  const cause = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
  return new KnownError('E_NETWORK', message, { cause, hint: tryLater });
}

/** A failure after the last of many tries: who asked for a token on the way to something else must not begin again. */
export function givenUp(error: KnownError): KnownError {
  const { code, message, hint } = error;
  const cause = Object.assign(new Error(message, { cause: error }), { code: gaveUp });
  return new KnownError(code, message, { cause, ...(hint !== undefined && { hint }) });
}

export const tryLater = 'the registry, or the way to it, is overloaded or broken: try again later';

export const loginToProxy = 'write them into the address of the proxy: http://USER:PASSWORD@HOST:PORT';

export interface ProxyFailure {
  readonly code?: ErrorCode;
  /** Another try would meet it again. */
  readonly stays: boolean;
  readonly hint: string;
  readonly cause?: unknown;
}

/** A proxy that cannot be reached or does not do as it is asked. */
export function proxyError(message: string, { code = 'E_NETWORK', stays, hint, cause }: ProxyFailure): KnownError {
  const marked = Object.assign(new Error(message, { cause }), { code: stays ? proxyRefused : proxyFailed });
  return new KnownError(code, message, { hint, cause: marked });
}
