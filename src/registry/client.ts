/** What a pull asks of a registry, or of those who stand in for it, about one repository (distribution-spec). */
import { KnownError } from '../../store/errors.js';
import { type Descriptor, verifyBytes } from '../../store/oci/descriptor.js';
import type { Digest } from '../../store/oci/digest.js';
import { maxConfigBytes } from '../../store/oci/image-config.js';
import { canonicalName, familiarName } from '../reference.js';
import { apiTry } from './api.js';
import { blobTarget } from './blob-endpoints.js';
import type { BlobChallenge, BlobFailover, BlobTarget } from './blob-target.js';
import { type EndpointPlan, originEndpoint, type RepositoryName } from './endpoint-plan.js';
import { type EndpointSet, type Failover, openEndpoints } from './endpoint-set.js';
import { askInTurn } from './failover.js';
import { type FetchedManifest, getManifest, headManifest } from './manifests.js';
import { configPlaces } from './mirrors/config-places.js';
import { saysNothing } from './mirrors/quick-look.js';
import type { PullLimit } from './pull-limit.js';
import { authorityPlaces, defaultTimeouts, proxySettings, type Timeouts, type TransportSettings } from './settings.js';
import { listTags } from './tags.js';

export interface RegistryClientOptions extends RepositoryName {
  /** The reference has a digest; some mirrors are there for such ones only, or only for others. */
  readonly byDigest?: boolean;
  /** Mirrors that come before those of the configuration: `URL`, or `REGISTRY=URL`. */
  readonly mirrors?: readonly string[];
  /** Stands for `/etc` where configuration is looked up; else TSPULL_CONFIG_DIR does. */
  readonly configDir?: string;
  /** Certificates are not verified and plain http is allowed. Loopback hosts may always be spoken to in plain http. */
  readonly insecure?: boolean;
  /** PEM files with certificate authorities besides the usual ones. */
  readonly caFiles?: readonly string[];
  /** Docker's `/etc/docker/certs.d` unless given. */
  readonly certsDir?: string;
  /** For proxies, credentials and places of certificates; the process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly timeouts?: Partial<Timeouts>;
  readonly onFailover?: (failover: Failover) => void;
}

export interface RegistryClient {
  /** `docker.io/library/ubuntu`, wherever it comes from. */
  readonly name: string;
  /**
   * The digest that is claimed for a tag, by one small request to an endpoint without loading got. Good enough to see
   * that an image is up to date, never to name bytes. undefined where nobody says or they refuse: then
   * {@link getManifest} tells more.
   */
  headManifest(tagOrDigest: string): Promise<Digest | undefined>;
  /** @throws KnownError `E_VERIFY` when asked by digest and the bytes have another */
  getManifest(tagOrDigest: string): Promise<FetchedManifest>;
  /** A small blob, verified. @throws KnownError `E_VERIFY` */
  getConfig(descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<Buffer>;
  /** As the last endpoint has them: a mirror may hold only some. */
  listTags(): Promise<string[]>;
  /** What a worker thread needs to fetch a blob by `streamBlob`. Can be cloned; holds the current tokens. */
  blobTarget(digest: Digest): Promise<BlobTarget>;
  /** The Authorization for a blob request that was answered 401. */
  authorize(challenge: BlobChallenge): Promise<string | undefined>;
  /** Remembers for the other blobs that an endpoint failed for one. */
  blobFailedOver(failover: BlobFailover): void;
  /** What endpoints have said so far of how much may still be pulled. */
  pullLimits(): (PullLimit & { endpoint: string })[];
  /** Ends the connections. */
  close(): void;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { domain, path, env = process.env } = options;
  const names = { domain, path, tag: undefined, digest: undefined };
  const name = familiarName(names);
  const originPlan: EndpointPlan = { endpoints: [originEndpoint(options, options.insecure ?? false)], notes: [] };
  let opened: EndpointSet | undefined;
  const open = async () => {
    const plan = (await configuredPlan(options)) ?? originPlan;
    const { signal, onFailover } = options;
    opened = openEndpoints(plan, { subject: { name }, env, signal, transport: transportSettings(options), onFailover });
    return opened;
  };
  let opening: Promise<EndpointSet> | undefined;
  const endpoints = () => (opening ??= open());
  return {
    name: canonicalName(names),
    headManifest: async (tagOrDigest) => headManifest(await endpoints(), tagOrDigest),
    getManifest: async (tagOrDigest) => getManifest(await endpoints(), name, tagOrDigest),
    getConfig: async (descriptor) => getConfig(await endpoints(), name, descriptor),
    listTags: async () => {
      const last = (await endpoints()).usable('resolves').at(-1);
      return last === undefined ? [] : listTags(last.api, name);
    },
    blobTarget: async (digest) => blobTarget(await endpoints(), name, digest),
    authorize: async ({ endpoint, url, challenge, rejected }) =>
      (await endpoints()).byId(endpoint).api.authorizer.answer(new URL(url), challenge, rejected),
    blobFailedOver: (failover) => opened?.failed(failover),
    pullLimits: () => opened?.pullLimits() ?? [],
    close: () => opened?.close(),
  };
}

/** undefined when neither the user nor the machine says anything about mirrors; then nothing is loaded to find that out. */
export async function configuredPlan(options: RegistryClientOptions): Promise<EndpointPlan | undefined> {
  const { domain, path, byDigest = false, mirrors = [], configDir, env = process.env, insecure = false } = options;
  const places = configPlaces(configDir, env);
  if (mirrors.length === 0 && saysNothing(places)) return undefined;
  const { planEndpoints } = await import('./mirrors/plan-endpoints.js');
  return planEndpoints({ domain, path, byDigest }, { mirrors, places, insecure });
}

/** What holds for all endpoints; each adds its own. */
export function transportSettings(options: RegistryClientOptions): TransportSettings {
  const { caFiles = [], certsDir, configDir, env = process.env, timeouts } = options;
  return {
    insecureHosts: [],
    caFiles,
    clientCertificates: [],
    certsDir: certsDir ?? configPlaces(configDir, env).certsDir,
    authorityPlaces: authorityPlaces(env),
    knownAuthorities: [],
    proxy: proxySettings(env),
    timeouts: { ...defaultTimeouts, ...timeouts },
  };
}

async function getConfig(
  set: EndpointSet,
  name: string,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
): Promise<Buffer> {
  if (size > maxConfigBytes)
    throw new KnownError('E_DOCUMENT', `image config ${digest} of ${size} bytes is larger than ${maxConfigBytes}`);
  const get = { path: `blobs/${digest}`, maxBytes: size + 1, subject: { name } };
  return askInTurn(set, 'pulls', async ({ api }) => {
    const outcome = await apiTry(api, get);
    if ('error' in outcome) return outcome;
    verifyBytes(outcome.value.body, { digest, size }, 'image config');
    return { value: outcome.value.body };
  });
}
