/** How registries are reached. Plain data: it travels to worker threads. */
import type { AuthorityPlaces } from './system-authorities.js';

export interface TransportSettings {
  /** Host names whose certificates are not verified and which may be spoken to without TLS. */
  readonly insecureHosts: readonly string[];
  /** PEM files with further certificate authorities. */
  readonly caFiles: readonly string[];
  /** Client certificates that configuration names. */
  readonly clientCertificates: readonly HostCertificate[];
  /** Docker's folder of certificates by `host:port`. */
  readonly certsDir: string;
  readonly authorityPlaces: AuthorityPlaces;
  /** Authorities (PEM) out of the system's that were enough in another thread. */
  readonly knownAuthorities: readonly string[];
  readonly proxy: ProxySettings;
  readonly timeouts: Timeouts;
}

/** PEM files for one host (with its port, unless that is the usual one). Without a key the certificate's file has it. */
export interface HostCertificate {
  readonly host: string;
  readonly cert: string;
  readonly key: string | undefined;
}

/** Values of the usual environment variables. A proxy URL may contain a password. */
export interface ProxySettings {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly no: string | undefined;
}

export interface Timeouts {
  /** Name look-up, proxy, TCP and TLS together. */
  readonly connectMs: number;
  /** From the request to the head of the answer. */
  readonly responseMs: number;
  /** A whole API answer, which is small. */
  readonly apiMs: number;
  /** A window of time in which a blob has to bring at least {@link stallBytes}. */
  readonly stallMs: number;
  readonly stallBytes: number;
}

export const defaultTimeouts: Timeouts = {
  connectMs: 20_000,
  responseMs: 30_000,
  apiMs: 120_000,
  stallMs: 30_000,
  stallBytes: 16 * 1024,
};

/** Names in capitals win, as in Go. */
export function proxySettings(env: NodeJS.ProcessEnv): ProxySettings {
  return {
    http: env['HTTP_PROXY'] || env['http_proxy'] || undefined,
    https: env['HTTPS_PROXY'] || env['https_proxy'] || undefined,
    no: env['NO_PROXY'] || env['no_proxy'] || undefined,
  };
}

export function authorityPlaces(env: NodeJS.ProcessEnv): AuthorityPlaces {
  return { file: env['SSL_CERT_FILE'] || undefined, folders: env['SSL_CERT_DIR'] || undefined };
}
