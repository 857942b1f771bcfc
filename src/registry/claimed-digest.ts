/**
 * The digest that a registry on this machine claims for a tag, asked by one plain request over a bare connection: node:http alone takes a third of
 * a pull that finds everything up to date. No credentials are sent. Whatever is not the plainest answer (a login, a redirect, TLS,
 * silence) is nothing here, and left to the registry client.
 */
import { connect } from 'node:net';
import { type Digest, isDigest } from '../../store/oci/digest.js';
import { manifestTypes } from '../../store/oci/media-types.js';
import type { RepositoryName } from './endpoint-plan.js';

/** A server of this machine that takes longer is left to the registry client. */
const PATIENCE_MS = 500;
/** Of the head of the answer, which is all that there is to read. */
const MOST_BYTES = 16 * 1024;

/** Where a registry on this machine listens; undefined for any other host, and where no port is named: that would be two of them. */
function loopbackPort(domain: string): { host: string; port: number } | undefined {
  const [, host, ipv6, digits] = /^(127(?:\.\d{1,3}){3}|localhost|\[(::1)\]):([1-9]\d{0,4})$/.exec(domain) ?? [];
  const port = Number(digits);
  return host === undefined || port > 0xffff ? undefined : { host: ipv6 ?? host, port };
}

/**
 * @param meanwhile done when the request is on its way, while the registry works on its answer
 * @returns undefined for everything that is not the digest
 */
export function claimedDigest(
  { domain, path }: RepositoryName,
  tag: string,
  meanwhile: () => void,
): Promise<Digest | undefined> {
  const address = loopbackPort(domain);
  if (address === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    const end = (digest: Digest | undefined) => {
      clearTimeout(timer);
      // In the next turn: to close it takes Node a millisecond, and who has the answer is at its end before.
      setImmediate(() => socket.destroy());
      resolve(digest);
    };
    const timer = setTimeout(() => end(undefined), PATIENCE_MS);
    let head = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      head += text;
      if (head.includes('\r\n\r\n') || head.length > MOST_BYTES) end(digestIn(head));
    });
    socket.once('end', () => end(undefined));
    // It may refuse the connection, or break it: the registry client meets the same, and tells it.
    socket.once('error', () => end(undefined));
    const headers = `Host: ${domain}\r\nUser-Agent: tspull\r\nAccept: ${manifestTypes.join(', ')}\r\nConnection: close`;
    socket.write(`HEAD /v2/${path}/manifests/${tag} HTTP/1.1\r\n${headers}\r\n\r\n`, 'latin1', () => {
      try {
        meanwhile();
      } catch (error) {
        reject(error);
        end(undefined);
      }
    });
  });
}

/** RFC 9112: a complete head with status 200 that says it once, in the plainest form. */
export function digestIn(answer: string): Digest | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1 || end > MOST_BYTES || !/^HTTP\/1\.[01] 200[ \r]/.test(answer)) return undefined;
  const lines = answer.slice(0, end).split('\r\n').slice(1);
  // Lines that go on, and line breaks that only some take for one: two readers may understand them differently.
  if (!lines.every((line) => /^[\w!#$%&'*+.^`|~-]+:[^\r\n\0]*$/.test(line))) return undefined;
  const claims = lines.filter((line) => /^docker-content-digest:/i.test(line));
  const claim = claims[0]?.slice('docker-content-digest:'.length).trim();
  return claims.length === 1 && isDigest(claim) ? claim : undefined;
}
