/** What went wrong with TLS: the codes of OpenSSL and of Node, in words for people. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

const unknownAuthority =
  /^(?:UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;
const certificateProblem =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|ERROR_IN_CRL|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH|ERR_TLS_CERT)/;
const handshakeProblem = /^(?:EPROTO|ERR_SSL_|ERR_TLS_)/;
// What the other side says of our certificate, or of its absence (RFC 8446 section 6.2).
const clientRefused = /_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;
const noCommonVersion = /^ERR_SSL_(?:UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|\w+_ALERT_PROTOCOL_VERSION)$/;
// When the other side answers a TLS greeting with something else.
const plainPeer = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/;

/** The code of a system error, a TLS error or one of Node's own; of its cause when the error is a wrapper. */
export function networkCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as Error & { code?: unknown };
    if (!(current instanceof KnownError) && typeof code === 'string') return code;
  }
  return undefined;
}

/** No good chain leads from the server's certificate to an authority that was tried; there may be one to another. */
export function isChainProblem(error: unknown): boolean {
  const code = networkCode(error) ?? '';
  return certificateProblem.test(code) && code !== 'ERR_TLS_CERT_ALTNAME_INVALID';
}

/** The server wants a client certificate, or another one. */
export function refusesClient(error: unknown): boolean {
  return clientRefused.test(opensslCode(error));
}

/** True when there is no TLS server at all; false for anything wrong with a certificate. */
export function answersInPlain(error: unknown): boolean {
  return plainPeer.test(opensslCode(error));
}

/** `ERR_SSL_WRONG_VERSION_NUMBER`; during a handshake Node says EPROTO and leaves the rest to the message. */
function opensslCode(error: unknown): string {
  const code = networkCode(error) ?? '';
  return code === 'EPROTO' ? `ERR_SSL_${opensslReason(innermost(error)).toUpperCase().replace(/\W+/g, '_')}` : code;
}

/** `wrong version number`, out of `80E1…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…` */
export function opensslReason(error: unknown): string {
  const { reason, message } = (error instanceof Error ? error : new Error(String(error))) as Error & {
    reason?: unknown;
  };
  const text =
    typeof reason === 'string' ? reason : (/:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(message)?.[1] ?? message);
  return printable(text, 300);
}

/** The failure of a connection to `host`, or undefined when it has nothing to do with TLS. */
export function tlsError(error: unknown, request: string, host: string): KnownError | undefined {
  const code = networkCode(error) ?? '';
  const reason = opensslReason(innermost(error));
  const fail = (text: string, hint?: string) =>
    new KnownError('E_TLS', `${request}: ${text}`, { cause: error, ...(hint !== undefined && { hint }) });
  if (certificateProblem.test(code))
    return fail(`the certificate of ${host} cannot be verified: ${reason}`, certificateHint(code, host));
  if (!handshakeProblem.test(code)) return undefined;
  const folder = `/etc/docker/certs.d/${host}/`;
  if (refusesClient(error))
    return fail(
      `${host} wants a client certificate that it knows: ${reason}`,
      `put NAME.cert and NAME.key into ${folder}`,
    );
  if (noCommonVersion.test(opensslCode(error)))
    return fail(`${host} has no version of TLS in common with us: ${reason}`, 'TLS 1.2 and 1.3 are spoken');
  if (answersInPlain(error))
    return fail(`${host} does not speak TLS: ${reason}`, 'a registry without TLS needs --insecure');
  return fail(
    `no TLS connection: ${reason}`,
    `if the registry wants a client certificate, put NAME.cert and NAME.key into ${folder}`,
  );
}

function certificateHint(code: string, host: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'the certificate has to be renewed, or the clock of this machine is wrong';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return 'use a name that the certificate was made for';
  if (unknownAuthority.test(code))
    return `add its authority to those of this system, name it with --ca, or put it into /etc/docker/certs.d/${host}/ca.crt`;
  return 'whoever runs the registry has to replace the certificate';
}

/** The error that carries the code. */
function innermost(error: unknown): unknown {
  for (let current = error; current instanceof Error; current = current.cause)
    if (!(current instanceof KnownError) && typeof (current as Error & { code?: unknown }).code === 'string')
      return current;
  return error;
}
