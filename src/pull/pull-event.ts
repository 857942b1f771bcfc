/** What a pull tells while it runs; also the lines of `tspull --json`. */
import type { Digest, ImageId } from '../../store/oci/digest.js';

export type PullEvent =
  /** The name as it was understood, before anything is asked for. */
  | { type: 'start'; reference: string }
  /** Bytes so far of an archive that is kept on the disk first, because it comes as a stream or compressed. */
  | { type: 'receiving'; bytes: number }
  /**
   * The manifest is known; `layers` from the lowest up. `digest` is the index's where there is one, and undefined for an image of a
   * docker-archive, which has no manifest; its layers are named by the digest of what is in them. `reference` is the id of an image
   * without a name.
   */
  | {
      type: 'manifest';
      reference: string;
      digest: Digest | undefined;
      image: ImageId;
      layers: { digest: Digest; size: number }[];
    }
  /** Nothing that stops the pull, but worth knowing. */
  | { type: 'warning'; message: string }
  | { type: 'layer'; index: number; digest: Digest; status: LayerStatus }
  /** At most ten times a second a layer. Bytes of the blob as it travels, and decoded. */
  | { type: 'progress'; index: number; digest: Digest; current: number; total: number; unpacked: number }
  /** A transfer broke and goes on from `offset` after `delayMs`. */
  | { type: 'retry'; index: number; digest: Digest; offset: number; delayMs: number; reason: string }
  /** One endpoint does not have something, cannot be asked, or serves something else; the next one is asked. */
  | { type: 'failover'; from: string; to: string; kind: 'missing' | 'failed' | 'wrong'; reason: string }
  | { type: 'done'; reference: string; digest: Digest | undefined; image: ImageId; upToDate: boolean };

export type LayerStatus =
  /** Here already, together with all layers below it. */
  | 'exists'
  /** Another process is fetching this layer. */
  | 'elsewhere'
  | 'queued'
  | 'downloading'
  /** All bytes have come and their digests are right. */
  | 'verified'
  /** Durable and registered. */
  | 'complete';

export type OnPullEvent = (event: PullEvent) => void;
