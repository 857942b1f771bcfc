/** Where the bytes of layers come from: a registry, or a file of this machine. */
import { KnownError } from '../../store/errors.js';
import type { FileRange } from '../../store/fs/file-range.js';
import type { Digest } from '../../store/oci/digest.js';
import type { StoredLayer } from '../../store/tar/rebuild-layer.js';
import type { BlobChallenge, BlobFailover, BlobTarget } from '../registry/blob-target.js';

/** Plain data for a worker thread. */
export type LayerBody = BlobTarget | LocalBody;

/** On this machine: no registry is asked for it, and it is read once more when it is needed again. */
export type LocalBody = FileBody | TreeBody;

/** A layer that another store has unpacked: its archive is rebuilt from that, and verified by its diffID. */
export interface TreeBody {
  readonly tree: StoredLayer;
}

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

export function isLocal(body: LayerBody): body is LocalBody {
  return 'range' in body || 'tree' in body;
}

/** Layers of this machine, by the digest of their plan. */
export function fileOrigin(find: (digest: Digest) => LocalBody): LayerOrigin {
  const never = (): never => {
    throw new KnownError('E_REGISTRY', 'a file asks for no credentials and has no mirrors');
  };
  return { blobTarget: async (digest) => find(digest), authorize: async () => never(), blobFailedOver: never };
}
