/** Where the API of a registry is, and whether it may be spoken to without TLS. */
import { KnownError } from '../../store/errors.js';
import { addressKind } from './address.js';
import { speaksNoTls } from './network-error.js';

/** The host that serves the images of a reference's domain. */
export function apiHost(domain: string): string {
  return domain === 'docker.io' ? 'registry-1.docker.io' : domain;
}

/** Roots of the API: https, then plain http where that is allowed: for this machine itself, or when the user said so. */
export function apiBases(domain: string, insecure: boolean): string[] {
  const host = apiHost(domain);
  if (!URL.canParse(`https://${host}/`) || /:0*$/.test(host))
    throw new KnownError('E_REFERENCE', `invalid reference format: "${host}" is not a host and port`);
  const secure = new URL(`https://${host}/v2/`);
  // `http://host:443` and the like: an explicit port stays the same for both.
  const plain = new URL(`http://${host}/v2/`);
  const bases = insecure || addressKind(secure.hostname) === 'loopback' ? [secure, plain] : [secure];
  return bases.map(({ href }) => href);
}

export interface Endpoint {
  /** Runs a request against the API's base URL. The first one finds out which it is; the answer then stays. */
  request<T>(send: (base: URL) => Promise<T>): Promise<T>;
  /** The base URL that was found, or all that come into question. */
  candidates(): Promise<readonly URL[]>;
}

interface Found<T> {
  readonly base: URL;
  /** False when the connection failed in a way that tells nothing about what is spoken there. */
  readonly isSure: boolean;
  readonly result: () => T;
}

/**
 * Plain http is tried only after a connection that met no TLS at all: a bad certificate is never a reason.
 *
 * @param isPlain finds out cheaply that there is no TLS server at a base
 */
export function createEndpoint(
  roots: readonly string[],
  isPlain: (base: URL) => Promise<boolean> = async () => false,
): Endpoint {
  const bases = roots.map((root) => new URL(root));
  let known: Promise<URL> | undefined;
  const search = async <T>(send: (base: URL) => Promise<T>): Promise<Found<T>> => {
    const last = bases.at(-1);
    for (const base of bases) {
      if (base !== last && (await isPlain(base))) continue;
      try {
        const value = await send(base);
        return { base, isSure: true, result: () => value };
      } catch (error) {
        if (base !== last && speaksNoTls(error)) continue;
        const isSure = !(error instanceof KnownError) || error.code !== 'E_NETWORK';
        return { base, isSure, result: () => raise(error) };
      }
    }
    throw new Error('no candidate for the registry');
  };
  return {
    async request(send) {
      if (known !== undefined) return send(await known);
      const found = search(send);
      known = found.then(({ base }) => base);
      const { isSure, result } = await found;
      if (!isSure) known = undefined;
      return result();
    },
    candidates: async () => (known === undefined ? bases : [await known]),
  };
}

function raise(error: unknown): never {
  throw error;
}
