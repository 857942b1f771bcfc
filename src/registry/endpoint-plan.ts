/** Where a repository may be fetched from and in which order, as the reference and this machine's configuration say. */
import { apiBases, apiHost } from './endpoint.js';

/** Where a decision comes from, for people. */
export interface Provenance {
  /** undefined for what the command line or the name itself says. */
  readonly file: string | undefined;
  /** Counted from 1, where it is known. */
  readonly line: number | undefined;
  /** `[host."https://mirror.test"]`, `--mirror`, `the name` */
  readonly section: string;
}

export interface ClientCertificate {
  /** PEM file with the certificate, and the key unless that has a file of its own. */
  readonly cert: string;
  readonly key: string | undefined;
}

export interface PlannedEndpoint {
  /**
   * Roots of the API, each ending in `/`. The second one, plain http, is tried when no TLS server answers at the first;
   * it is there only where that is allowed.
   */
  readonly bases: readonly string[];
  /** `library/ubuntu`, or what the configuration makes of it for this endpoint. */
  readonly path: string;
  /** What credentials are looked up for: `docker.io`, `mirror.test:5000`. */
  readonly domain: string;
  /** The value of containerd's `ns` query, which tells a mirror for which registry it is asked. */
  readonly namespace: string | undefined;
  /** May be asked what a tag stands for, and which tags there are. */
  readonly resolves: boolean;
  /** May be asked for content by digest. */
  readonly pulls: boolean;
  readonly skipVerify: boolean;
  readonly caFiles: readonly string[];
  readonly clientCertificates: readonly ClientCertificate[];
  /** Sent to this endpoint's own origin only. Values may be secrets. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** URL of a proxy, which may have a password; undefined for what the environment says. */
  readonly proxy: string | undefined;
  /** Milliseconds for one connection; undefined for the usual. */
  readonly connectMs: number | undefined;
  readonly from: Provenance;
}

/** Endpoints in the order in which they are asked; there is at least one, and the last one is never given up. */
export interface EndpointPlan {
  readonly endpoints: readonly PlannedEndpoint[];
  /** What in the configuration has no effect, and why. */
  readonly notes: readonly string[];
}

export interface RepositoryName {
  /** `docker.io` */
  readonly domain: string;
  /** `library/ubuntu` */
  readonly path: string;
}

/** The registry that the name itself means, with nothing configured. @throws KnownError `E_REFERENCE` for no host */
export function originEndpoint({ domain, path }: RepositoryName, insecure: boolean): PlannedEndpoint {
  return {
    bases: apiBases(domain, insecure),
    path,
    domain,
    namespace: undefined,
    resolves: true,
    pulls: true,
    skipVerify: insecure,
    caFiles: [],
    clientCertificates: [],
    headers: {},
    proxy: undefined,
    connectMs: undefined,
    from: { file: undefined, line: undefined, section: 'the name' },
  };
}

/** Whether `host`, of a URL, is the registry that `domain` names. */
export function isHostOf(domain: string, host: string): boolean {
  return host === domain || host === apiHost(domain);
}
