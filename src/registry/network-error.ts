/** Failures of connections, in Docker's words where it has some. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { shownUrl } from './shown-url.js';

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

const certificateProblem =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|ERROR_IN_CRL|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH|ERR_TLS_CERT)/;
const handshakeProblem = /^(?:EPROTO|ERR_SSL_|ERR_TLS_)/;
// Codes of OpenSSL when the other side answers a TLS greeting with something else.
const plainPeer =
  /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNSUPPORTED_PROTOCOL_IN_PLAINTEXT)$/;

/** The code of a system error, a TLS error or one of Node's own; of its cause when the error is a wrapper. */
export function networkCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as Error & { code?: unknown };
    if (!(current instanceof KnownError) && typeof code === 'string') return code;
  }
  return undefined;
}

/** What went wrong on the way to `url`, as a KnownError. */
export function networkError(error: unknown, method: string, url: URL): KnownError {
  if (error instanceof KnownError) return error;
  const request = `${method} "${shownUrl(url)}"`;
  if (error instanceof Error && error.name === 'AbortError')
    return new KnownError('E_CANCELLED', `${request} was cancelled`, { cause: error });
  const code = networkCode(error) ?? '';
  const text = words[code] ?? printable(error instanceof Error ? error.message : String(error), 300);
  if (certificateProblem.test(code))
    return new KnownError('E_TLS', `${request}: the certificate of ${url.host} cannot be verified: ${text}`, {
      cause: error,
      hint: 'name the authority with --ca, or put it into /etc/docker/certs.d/HOST/',
    });
  if (handshakeProblem.test(code))
    return new KnownError('E_TLS', `${request}: no TLS connection: ${text}`, { cause: error });
  return new KnownError('E_NETWORK', `${request}: ${text}`, { cause: error });
}

/** True when there is no TLS server at all; false for anything wrong with a certificate. */
export function speaksNoTls(error: unknown): boolean {
  const code = networkCode(error) ?? '';
  if (code === 'EPROTO' || plainPeer.test(code)) return plainPeer.test(code) || wrapsPlainPeer(error);
  return code === 'ECONNREFUSED' || (code === 'ECONNRESET' && endedBeforeTls(error));
}

function wrapsPlainPeer(error: unknown): boolean {
  return messages(error).some((text) => /wrong version number|packet length too long|http request/i.test(text));
}

function endedBeforeTls(error: unknown): boolean {
  return messages(error).some((text) => text.includes('before secure TLS connection was established'));
}

function messages(error: unknown): string[] {
  const all: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause) all.push(current.message);
  return all;
}

/**
 * Trouble that may be gone in a moment. A name that does not exist and a closed port stay so; who waited for an answer
 * in vain has waited long enough.
 */
export function isPassing(error: unknown): boolean {
  const code = networkCode(error);
  if (error instanceof KnownError && error.code !== 'E_NETWORK') return false;
  return code !== 'ENOTFOUND' && code !== 'ECONNREFUSED' && code !== 'ETIMEDOUT';
}

export function isTimeout(error: unknown): boolean {
  return networkCode(error) === 'ETIMEDOUT';
}

/** For a wait that was given up: looks like the timeouts of the system and of got. */
export function timeoutError(message: string): KnownError {
  const cause = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
  return new KnownError('E_NETWORK', message, { cause });
}
