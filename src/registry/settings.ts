/** How registries are reached. Plain data: it travels to worker threads. */

export interface TransportSettings {
  /** Host names whose certificates are not verified and which may be spoken to without TLS. */
  readonly insecureHosts: readonly string[];
  /** PEM files with further certificate authorities. */
  readonly caFiles: readonly string[];
  /** Client certificates that configuration names. */
  readonly clientCertificates: readonly HostCertificate[];
  /** Docker's folder of certificates by `host:port`. */
  readonly certsDir: string;
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

/** Lower-case names win, as in curl and Go. */
export function proxySettings(env: NodeJS.ProcessEnv): ProxySettings {
  return {
    http: env['http_proxy'] || env['HTTP_PROXY'] || undefined,
    https: env['https_proxy'] || env['HTTPS_PROXY'] || undefined,
    no: env['no_proxy'] || env['NO_PROXY'] || undefined,
  };
}
