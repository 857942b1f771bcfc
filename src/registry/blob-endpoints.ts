/** Which endpoints a blob may come from just now, for whoever fetches it. */
import type { Digest } from '../../store/oci/digest.js';
import { ownHeaders, repositoryUrl } from './api.js';
import type { BlobEndpoint, BlobTarget } from './blob-target.js';
import type { EndpointSet, LiveEndpoint } from './endpoint-set.js';

export async function blobTarget(set: EndpointSet, name: string, digest: Digest): Promise<BlobTarget> {
  const endpoints = await Promise.all(set.usable('pulls').map((endpoint) => blobEndpoint(endpoint, digest)));
  return { name, endpoints };
}

async function blobEndpoint({ id, shown, api }: LiveEndpoint, digest: Digest): Promise<BlobEndpoint> {
  const bases = await api.endpoint.candidates();
  return {
    id,
    shown,
    urls: bases.map((base) => repositoryUrl(api, `blobs/${digest}`, base).href),
    authorization: api.authorizer.current(),
    headers: ownHeaders(api),
    transport: api.transport.forThread(),
  };
}
