/** What a push asks of a registry about one repository. Mirrors have no part in it: what is pushed goes to the registry of the name. */
import { KnownError } from '../../../store/errors.js';
import type { Digest } from '../../../store/oci/digest.js';
import { manifestTypes } from '../../../store/oci/media-types.js';
import { familiarName } from '../../reference.js';
import { type Api, repositoryUrl } from '../api.js';
import { type RegistryClientOptions, transportSettings } from '../client.js';
import { openEndpoints } from '../endpoint-set.js';
import { isPassing } from '../network-error.js';
import { planOrigin } from '../plan-origin.js';
import { registryError, type Subject } from '../registry-error.js';
import { isPassingStatus, withRetries } from '../retry.js';
import { placeAfter } from './place.js';
import { type PushAnswer, type PushRequest, pushRequest } from './push-request.js';
import { bodyOf } from './request-body.js';
import { type Begun, type BlobSource, type UploadRetry, uploadBlob } from './upload-blob.js';

export interface PushClientOptions extends Omit<RegistryClientOptions, 'byDigest' | 'mirrors' | 'onFailover'> {
  /** Repositories of the same registry, as `library/ubuntu`, that blobs may be mounted from: tokens are asked for them, too. */
  readonly mountable?: readonly string[];
}

export interface BlobUpload {
  readonly source: BlobSource;
  /** What {@link PushClient.mountBlob} has begun. */
  readonly begun?: Begun | undefined;
  readonly onProgress?: (bytes: number) => void;
  readonly onRetry?: (retry: UploadRetry) => void;
}

export interface PushClient {
  /** Bytes of a blob that the repository has; undefined when it has not, or does not say. */
  blobSize(digest: Digest): Promise<number | undefined>;
  /** Makes a blob of another repository one of this. @returns what was begun instead when that cannot be */
  mountBlob(digest: Digest, from: string): Promise<'mounted' | Begun>;
  /** @returns the digest of what was uploaded */
  uploadBlob(upload: BlobUpload): Promise<Digest>;
  hasManifest(digest: Digest, mediaType: string): Promise<boolean>;
  putManifest(tagOrDigest: string, bytes: Buffer, mediaType: string): Promise<void>;
  close(): void;
}

const OK = 200;
const CREATED = 201;
const NOT_FOUND = 404;

/** @throws KnownError `E_CONFIG`, `E_REFERENCE`; what is asked throws the other codes of registries */
export async function openPushClient(options: PushClientOptions): Promise<PushClient> {
  const { domain, path, env = process.env, signal, mountable = [] } = options;
  const subject: Subject = { name: familiarName({ domain, path, tag: undefined, digest: undefined }), isPush: true };
  const set = openEndpoints(await planOrigin(options), {
    subject,
    env,
    signal,
    transport: transportSettings(options),
    onFailover: undefined,
    scopes: () => [`repository:${path}:pull,push`, ...mountable.map((from) => `repository:${from}:pull`)],
  });
  const { api } = set.byId(0);
  const ask = (request: Question) => askAgain(api, subject, request);
  const begin = (query = '') =>
    ask({ method: 'POST', within: `blobs/uploads/${query}`, headers: { 'content-length': 0 } });
  const blobSize: PushClient['blobSize'] = async (digest) => {
    const { status, headers } = await ask({ method: 'HEAD', within: `blobs/${digest}` });
    const length = headers['content-length'];
    return status === OK && length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  };
  return {
    blobSize,
    async mountBlob(digest, from) {
      const answer = await begin(`?${new URLSearchParams({ mount: digest, from })}`);
      return answer.status === CREATED ? 'mounted' : begunBy(answer);
    },
    uploadBlob: ({ source, begun, onProgress, onRetry }) =>
      uploadBlob({
        ...{ api, subject, source, begun, onProgress, onRetry },
        begin: async () => begunBy(await begin()),
        has: async (digest) => (await blobSize(digest)) !== undefined,
      }),
    async hasManifest(digest, mediaType) {
      const accept = [mediaType, ...manifestTypes].join(', ');
      return (await ask({ method: 'HEAD', within: `manifests/${digest}`, headers: { accept } })).status === OK;
    },
    async putManifest(tagOrDigest, bytes, mediaType) {
      const { stallMs } = api.transport.settings.timeouts;
      await ask({
        method: 'PUT',
        within: `manifests/${tagOrDigest}`,
        headers: { 'content-type': mediaType, 'content-length': bytes.length },
        body: bodyOf({ open: () => [bytes], stallMs }),
        isCheap: true,
      });
    },
    close: () => set.close(),
  };
}

type Question = Omit<PushRequest, 'place'> & { readonly within: string };

/** An answer of success, or the one that says that a thing asked about by HEAD is not there. */
function askAgain(api: Api, subject: Subject, { within, ...request }: Question): Promise<PushAnswer> {
  return withRetries(async () => {
    try {
      const answer = await api.endpoint.request((base) =>
        pushRequest(api, { ...request, place: { url: repositoryUrl(api, within, base), isForeign: false } }),
      );
      const { status, headers } = answer;
      if (status < 300 || (request.method === 'HEAD' && status === NOT_FOUND)) return { value: answer };
      const error = registryError(answer, subject, api.secrets());
      if (!isPassingStatus(status)) throw error;
      return { error, retryAfter: headers['retry-after'] };
    } catch (error) {
      if (error instanceof KnownError && error.code === 'E_NETWORK' && isPassing(error)) return { error };
      throw error;
    }
  }, api.signal);
}

function begunBy({ headers, place }: PushAnswer): Begun {
  const least = String(headers['oci-chunk-min-length'] ?? '');
  return { place: placeAfter(place, headers['location']), leastChunk: /^\d{1,10}$/.test(least) ? Number(least) : 0 };
}
