/** What a pull of a name would do, without doing it: no network, no helper program, no secret. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../../../store/printable.js';
import { credentialSources } from '../credential-sources.js';
import { readEntry } from '../credentials.js';
import type { PlannedEndpoint, Provenance } from '../endpoint-plan.js';
import { proxyFor } from '../proxy.js';
import { proxySettings } from '../settings.js';
import { configPlaces } from './config-places.js';
import { planEndpoints } from './plan-endpoints.js';
import type { NamedImage } from './registries-plan.js';

export interface ExplainedEndpoint {
  /** Roots of the API; the second one is plain http, for when there is no TLS server. */
  urls: string[];
  /** Path of the repository there. */
  repository: string;
  /** Value of the `ns` query, or null. */
  ns: string | null;
  /** Is asked what a tag stands for. */
  resolves: boolean;
  /** Is asked for manifests and layers by digest. */
  pulls: boolean;
  login: ExplainedLogin | null;
  tls: {
    /** Whether certificates are verified. */
    verify: boolean;
    /** Authorities besides the usual ones. */
    caFiles: string[];
    clientCertificates: string[];
    /** Docker's folders of further certificates for the host. */
    folders: string[];
  };
  /** Names of headers that the configuration adds. */
  headers: string[];
  connectTimeoutMs: number | null;
  /** Host and port, or null for a direct connection. */
  proxy: string | null;
  /** Where the decision comes from. */
  from: { file: string | null; line: number | null; section: string };
}

export interface ExplainedLogin {
  file: string;
  /** The entry's name in the file, or the server that the helper is asked about. */
  entry: string;
  /** `docker-credential-NAME`, or null for an entry of the file. */
  helper: string | null;
  /** The user's name, where the file has it. */
  user: string | null;
}

export interface ExplainedEndpoints {
  endpoints: ExplainedEndpoint[];
  notes: string[];
}

export interface ExplainOptions {
  readonly mirrors: readonly string[];
  readonly configDir: string | undefined;
  readonly insecure: boolean;
  readonly caFiles: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** @throws KnownError as a pull would, for what is wrong with the configuration. */
export async function explainEndpoints(image: NamedImage, options: ExplainOptions): Promise<ExplainedEndpoints> {
  const { mirrors, configDir, insecure } = options;
  const places = configPlaces(configDir, options.env);
  const plan = await planEndpoints(image, { mirrors, places, insecure });
  const notes = [...plan.notes, ...unusedNotes(plan.endpoints)];
  return { endpoints: plan.endpoints.map((endpoint) => explainOne(endpoint, places.certsDir, options)), notes };
}

function explainOne(planned: PlannedEndpoint, certsDir: string, { caFiles, env }: ExplainOptions): ExplainedEndpoint {
  const base = new URL(planned.bases[0] ?? '');
  const folders = [...new Set([base.host, `${base.hostname}:${base.port || '443'}`])].map((name) =>
    join(certsDir, name),
  );
  const { connectMs, skipVerify, clientCertificates, namespace } = planned;
  const usual = proxySettings(env);
  const settings = planned.proxy === undefined ? usual : { http: planned.proxy, https: planned.proxy, no: undefined };
  return {
    urls: [...planned.bases],
    repository: planned.path,
    ns: namespace ?? null,
    resolves: planned.resolves,
    pulls: planned.pulls,
    login: explainLogin(planned, env),
    tls: {
      verify: !skipVerify,
      caFiles: [...caFiles, ...planned.caFiles],
      clientCertificates: clientCertificates.map(({ cert }) => cert),
      folders: folders.filter((folder) => existsSync(folder)),
    },
    headers: Object.keys(planned.headers),
    connectTimeoutMs: connectMs ?? null,
    proxy: proxyFor(base, settings)?.host ?? null,
    from: provenance(planned.from),
  };
}

function explainLogin({ domain, path }: PlannedEndpoint, env: NodeJS.ProcessEnv): ExplainedLogin | null {
  for (const source of credentialSources(domain, path, env)) {
    const { file } = source;
    if (source.kind === 'helper')
      return { file, entry: source.server, helper: `docker-credential-${source.helper}`, user: null };
    const found = readEntry(source);
    if (found === undefined) continue;
    return { file, entry: source.entry, helper: null, user: found.kind === 'password' ? found.username : null };
  }
  return null;
}

function provenance({ file, line, section }: Provenance): ExplainedEndpoint['from'] {
  return { file: file ?? null, line: line ?? null, section };
}

function unusedNotes(endpoints: readonly PlannedEndpoint[]): string[] {
  return endpoints
    .filter(({ resolves, pulls }) => !resolves && !pulls)
    .map(({ from }) => `${printable(from.section)} may neither resolve nor pull, so that it is never asked`);
}
