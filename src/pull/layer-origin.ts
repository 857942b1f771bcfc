/** Where the bytes of layers come from: a registry, or a file of this machine. */
import { KnownError } from '../../store/errors.js';
import type { FileRange } from '../../store/fs/file-range.js';
import type { Digest } from '../../store/oci/digest.js';
import type { BlobChallenge, BlobFailover, BlobTarget } from '../registry/blob-target.js';

/** Plain data for a worker thread. */
export type LayerBody = BlobTarget | FileBody;

export interface FileBody {
  readonly range: FileRange;
  /** Undefined where nobody promised one: a docker-archive names only what is inside a layer. */
  readonly digest: Digest | undefined;
}

export interface LayerOrigin {
  /** @param digest as the plan of the layer has it */
  blobTarget(digest: Digest): Promise<LayerBody>;
  /** Answers a challenge of a registry. */
  authorize(challenge: BlobChallenge): Promise<string | undefined>;
  /** One endpoint of a registry failed, and another is asked. */
  blobFailedOver(failover: BlobFailover): void;
}

/** Layers in files, by the digest of their plan. */
export function fileOrigin(find: (digest: Digest) => FileBody): LayerOrigin {
  const never = (): never => {
    throw new KnownError('E_REGISTRY', 'a file asks for no credentials and has no mirrors');
  };
  return { blobTarget: async (digest) => find(digest), authorize: async () => never(), blobFailedOver: never };
}
