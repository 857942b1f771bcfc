/** Where the bytes of layers come from: a registry, or a file of this machine. */
import { KnownError } from '../../store/errors.js';
import type { FileRange } from '../../store/fs/file-range.js';
import type { Digest } from '../../store/oci/digest.js';
import type { BlobTarget } from '../registry/blob-stream.js';

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
  authorize(challenge: string, rejected: string | undefined): Promise<string | undefined>;
}

/** Layers in files, by the digest of their plan. */
export function fileOrigin(find: (digest: Digest) => FileBody): LayerOrigin {
  return {
    blobTarget: async (digest) => find(digest),
    authorize: async () => {
      throw new KnownError('E_REGISTRY', 'a file asks for no credentials');
    },
  };
}
