/** What a pull asks of a registry about one repository (distribution-spec). */
import { KnownError } from '../../store/errors.js';
import { type Descriptor, verifyBytes, verifyDigest } from '../../store/oci/descriptor.js';
import { type Digest, digestOf, isDigest } from '../../store/oci/digest.js';
import { maxConfigBytes } from '../../store/oci/image-config.js';
import { maxManifestBytes } from '../../store/oci/manifest.js';
import { manifestTypes } from '../../store/oci/media-types.js';
import { canonicalName, familiarName } from '../reference.js';
import { type Api, apiGet } from './api.js';
import { createAuthorizer } from './authorizer.js';
import type { BlobTarget } from './blob-stream.js';
import { apiHost, createEndpoint } from './endpoint.js';
import { exchange } from './exchange.js';
import { isPassing, isTimeout } from './network-error.js';
import { defaultCertsDir, defaultTimeouts, proxySettings, type Timeouts, type TransportSettings } from './settings.js';
import { listTags } from './tags.js';
import { openTransport } from './transport.js';

export interface RegistryClientOptions {
  /** Domain and path of a reference: `docker.io`, `library/ubuntu`. */
  readonly domain: string;
  readonly path: string;
  /** Certificates are not verified and plain http is allowed. Loopback hosts may always be spoken to in plain http. */
  readonly insecure?: boolean;
  /** PEM files with certificate authorities besides the usual ones. */
  readonly caFiles?: readonly string[];
  /** Docker's `/etc/docker/certs.d` unless given. */
  readonly certsDir?: string;
  /** For proxies and credentials; the process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly timeouts?: Partial<Timeouts>;
}

export interface FetchedManifest {
  /** As received. */
  readonly bytes: Buffer;
  /** The Content-Type header. */
  readonly mediaType: string | undefined;
  /** Of the bytes; what the server says about them is not used. */
  readonly digest: Digest;
}

export interface RegistryClient {
  /** `docker.io/library/ubuntu` */
  readonly name: string;
  /**
   * The digest that the registry claims for a tag, by one small request without loading got. Good enough to see that
   * an image is up to date, never to name bytes. undefined where the registry does not say or refuses: then
   * {@link getManifest} tells more.
   */
  headManifest(tagOrDigest: string): Promise<Digest | undefined>;
  /** @throws KnownError `E_VERIFY` when asked by digest and the bytes have another */
  getManifest(tagOrDigest: string): Promise<FetchedManifest>;
  /** A small blob, verified. @throws KnownError `E_VERIFY` */
  getConfig(descriptor: Pick<Descriptor, 'digest' | 'size'>): Promise<Buffer>;
  listTags(): Promise<string[]>;
  /** What a worker thread needs to fetch a blob by `streamBlob`. Can be cloned; holds the current token. */
  blobTarget(digest: Digest): Promise<BlobTarget>;
  /**
   * The Authorization for a blob request that was answered 401.
   *
   * @param rejected - the value that it carried.
   */
  authorize(challenge: string, rejected: string | undefined): Promise<string | undefined>;
  /** Ends the connections. */
  close(): void;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { domain, path, signal, env = process.env } = options;
  const names = { domain, path, tag: undefined, digest: undefined };
  const name = familiarName(names);
  const transport = openTransport(transportSettings(options));
  const authorizer = createAuthorizer({
    path,
    subject: { name },
    transport,
    signal,
    // Most pulls of public images never get here, so the code that starts helper programs is loaded on demand.
    findCredentials: async () => (await import('./credentials.js')).findCredentials(domain, path, env),
  });
  const api: Api = { endpoint: createEndpoint(domain, options.insecure ?? false), authorizer, transport, signal };
  const repository = `v2/${path}`;
  return {
    name: canonicalName(names),
    headManifest: (tagOrDigest) => headManifest(api, `${repository}/manifests/${tagOrDigest}`),
    getManifest: (tagOrDigest) => getManifest(api, repository, name, tagOrDigest),
    getConfig: (descriptor) => getConfig(api, repository, name, descriptor),
    listTags: () => listTags(api, repository, name),
    blobTarget: async (digest) => ({
      url: await api.endpoint.request(async (base) => new URL(`${repository}/blobs/${digest}`, base).href),
      authorization: authorizer.current(),
      transport: transport.settings,
      name,
    }),
    authorize: (challenge, rejected) => api.endpoint.request((base) => authorizer.answer(base, challenge, rejected)),
    close: () => transport.close(),
  };
}

function transportSettings({
  domain,
  insecure,
  caFiles,
  certsDir,
  env,
  timeouts,
}: RegistryClientOptions): TransportSettings {
  return {
    insecureHosts: insecure ? [new URL(`https://${apiHost(domain)}/`).hostname] : [],
    caFiles: caFiles ?? [],
    certsDir: certsDir ?? defaultCertsDir,
    proxy: proxySettings(env ?? process.env),
    timeouts: { ...defaultTimeouts, ...timeouts },
  };
}

const acceptManifests = manifestTypes.join(', ');

async function headManifest(api: Api, path: string): Promise<Digest | undefined> {
  const { transport, signal } = api;
  const head = (base: URL, authorization: string | undefined) =>
    exchange({
      method: 'HEAD',
      url: new URL(path, base),
      headers: { 'user-agent': 'tspull', accept: acceptManifests },
      authorization,
      transport,
      signal,
    });
  try {
    return await api.endpoint.request(async (base) => {
      const sent = api.authorizer.current();
      let answer = await head(base, sent);
      answer.response.resume();
      const challenge = answer.response.headers['www-authenticate'];
      if (answer.status === 401 && !answer.foreign && challenge !== undefined) {
        const authorization = await api.authorizer.answer(base, challenge, sent);
        if (authorization === undefined) return undefined;
        answer = await head(base, authorization);
        answer.response.resume();
      }
      const claimed = answer.response.headers['docker-content-digest'];
      return answer.status === 200 && isDigest(claimed) ? claimed : undefined;
    });
  } catch (error) {
    // A GET that follows has its own retries.
    if (error instanceof KnownError && error.code === 'E_NETWORK' && (isPassing(error) || isTimeout(error)))
      return undefined;
    throw error;
  }
}

async function getManifest(api: Api, repository: string, name: string, tagOrDigest: string): Promise<FetchedManifest> {
  const { body, headers } = await apiGet(api, {
    path: `${repository}/manifests/${tagOrDigest}`,
    accept: acceptManifests,
    maxBytes: maxManifestBytes,
    subject: { name, reference: `${name}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}` },
  });
  const wanted = isDigest(tagOrDigest) ? tagOrDigest : undefined;
  if (wanted !== undefined) verifyDigest(body, wanted, 'manifest');
  return {
    bytes: body,
    mediaType: headers['content-type'],
    digest: wanted ?? digestOf(body, 'sha256'),
  };
}

async function getConfig(
  api: Api,
  repository: string,
  name: string,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
): Promise<Buffer> {
  if (size > maxConfigBytes)
    throw new KnownError('E_DOCUMENT', `image config ${digest} of ${size} bytes is larger than ${maxConfigBytes}`);
  const { body } = await apiGet(api, { path: `${repository}/blobs/${digest}`, maxBytes: size + 1, subject: { name } });
  verifyBytes(body, { digest, size }, 'image config');
  return body;
}
