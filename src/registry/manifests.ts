/** Manifests of a repository, from whichever endpoint has them. */
import { KnownError } from '../../store/errors.js';
import { verifyDigest } from '../../store/oci/descriptor.js';
import { type Digest, digestOf, isDigest } from '../../store/oci/digest.js';
import { maxManifestBytes, parseManifest } from '../../store/oci/manifest.js';
import { manifestTypes } from '../../store/oci/media-types.js';
import { type Api, apiTry, ownHeaders, repositoryUrl } from './api.js';
import type { EndpointSet, LiveEndpoint } from './endpoint-set.js';
import { exchange } from './exchange.js';
import { askInTurn } from './failover.js';
import { judge } from './failure-kind.js';
import { isPassing, isTimeout } from './network-error.js';

export interface FetchedManifest {
  /** As received. */
  readonly bytes: Buffer;
  /** The Content-Type header. */
  readonly mediaType: string | undefined;
  /** Of the bytes; what the server says about them is not used. */
  readonly digest: Digest;
}

const acceptManifests = manifestTypes.join(', ');

/** @param name - for messages. */
export function getManifest(set: EndpointSet, name: string, tagOrDigest: string): Promise<FetchedManifest> {
  const wanted = isDigest(tagOrDigest) ? tagOrDigest : undefined;
  const get = {
    path: `manifests/${tagOrDigest}`,
    accept: acceptManifests,
    maxBytes: maxManifestBytes,
    subject: { name, reference: `${name}${wanted === undefined ? ':' : '@'}${tagOrDigest}` },
  };
  return askInTurn(set, wanted === undefined ? 'resolves' : 'pulls', async ({ id, api, isLast }) => {
    const outcome = await apiTry(api, get);
    if ('error' in outcome) return outcome;
    const { body: bytes, headers } = outcome.value;
    set.answered(id, headers);
    const mediaType = headers['content-type'];
    if (wanted !== undefined) verifyDigest(bytes, wanted, 'manifest');
    // What answers in a mirror's place, such as the page of a portal, must not end the pull while the registry can be asked.
    else if (!isLast) parseManifest(bytes, mediaType);
    return { value: { bytes, mediaType, digest: wanted ?? digestOf(bytes, 'sha256') } };
  });
}

/**
 * The digest that an endpoint claims for a tag, by one small request each without loading got. undefined where none
 * says, or the last one refuses or does not answer in time: a GET that follows has its own retries.
 */
export async function headManifest(set: EndpointSet, tagOrDigest: string): Promise<Digest | undefined> {
  const endpoints = set.usable(isDigest(tagOrDigest) ? 'pulls' : 'resolves');
  for (const [index, endpoint] of endpoints.entries()) {
    const next = endpoints[index + 1];
    try {
      const digest = await headOne(endpoint, `manifests/${tagOrDigest}`, set);
      if (digest !== undefined) return digest;
    } catch (error) {
      if (!(error instanceof KnownError) || error.code === 'E_CANCELLED') throw error;
      const mayPass = error.code === 'E_NETWORK' && isPassing(error);
      if (next !== undefined)
        set.failed({ from: endpoint.id, to: next.id, reason: error.message, ...judge(error, !mayPass) });
      else if (!mayPass && !isTimeout(error)) throw error;
    }
  }
  return undefined;
}

async function headOne({ id, api }: LiveEndpoint, path: string, set: EndpointSet): Promise<Digest | undefined> {
  const { authorizer } = api;
  return api.endpoint.request(async (base) => {
    const sent = authorizer.current();
    let answer = await head(api, repositoryUrl(api, path, base), sent);
    const challenge = answer.response.headers['www-authenticate'];
    if (answer.status === 401 && !answer.foreign && challenge !== undefined) {
      const authorization = await authorizer.answer(base, challenge, sent);
      if (authorization === undefined) return undefined;
      answer = await head(api, repositoryUrl(api, path, base), authorization);
    }
    set.answered(id, answer.response.headers);
    const claimed = answer.response.headers['docker-content-digest'];
    return answer.status === 200 && isDigest(claimed) ? claimed : undefined;
  });
}

async function head(api: Api, url: URL, authorization: string | undefined) {
  const { transport, signal } = api;
  const headers = { 'user-agent': 'tspull', accept: acceptManifests };
  const answer = await exchange({
    method: 'HEAD',
    url,
    headers,
    ownHeaders: ownHeaders(api),
    authorization,
    transport,
    signal,
  });
  answer.response.resume();
  return answer;
}
