/** What pulls tell while they run; also the lines of `tspull --json`. docs/events.md explains them to users. */
import type { ErrorCode } from '../../store/errors.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import type { Constraint, LayerAccount, Spent } from './account.js';

/** Raised when an event loses a field or a field changes its meaning; what is new does not count. */
export const eventsVersion = 1;

/** Numbers ending in `Ms` are milliseconds, rates are bytes a second. */
export type PullEvent = (PullNews & OfPull) | (Total & { ms: number });

interface OfPull {
  /** Which of the pulls of this call, counted from 0: a name, or one of its tags or platforms. */
  pull: number;
  /** Since the first event. */
  ms: number;
}

/** All pulls together; at most twice a second, and once at the end. */
export interface Total {
  type: 'total';
  /** Bytes of the blobs that this process has to fetch, as far as they are known; and how many of them are here. */
  current: number;
  total: number;
  /** Of the last seconds. */
  rate: number;
  /** At that rate; null while nothing comes. */
  etaMs: number | null;
}

/** About one pull, as it happens. */
export type PullNews =
  /** A name as it was given and as it was understood, before anything is asked for. */
  | { type: 'start'; version: typeof eventsVersion; name: string; reference: string; platform: string | null }
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
  /** `endpoint` is where a layer that is `downloading` is asked for first; null for a file. */
  | { type: 'layer'; index: number; digest: Digest; status: LayerStatus; endpoint?: string | null }
  /** At most ten times a second a layer. Bytes of the blob as it travels, and decoded. */
  | { type: 'progress'; index: number; digest: Digest; current: number; total: number; unpacked: number; rate: number }
  /** A transfer broke and goes on from `offset` after `delayMs`. */
  | { type: 'retry'; index: number; digest: Digest; offset: number; delayMs: number; reason: string }
  /** One endpoint does not have something, cannot be asked, or serves something else; the next one is asked. */
  | { type: 'failover'; from: string; to: string; kind: 'missing' | 'failed' | 'wrong'; reason: string }
  /** Where the time of a pull that had something to do went. `layers` are those that were fetched or waited for. */
  | {
      type: 'account';
      /** From `start` until all documents were there. */
      resolveMs: number;
      /** From `start` until now. */
      wallMs: number;
      layers: LayerAccount[];
      /** Sums over `layers`, which are in work at the same time. */
      total: Spent;
      constraint: Constraint;
    }
  | { type: 'done'; reference: string; digest: Digest | undefined; image: ImageId; upToDate: boolean }
  /** The pull has failed; `code` is one of docs/errors.md, or null for a bug. */
  | { type: 'failed'; reference: string; code: ErrorCode | null; message: string; hint: string | null };

export type LayerStatus =
  /** Here already, together with all layers below it. */
  | 'exists'
  /** Another process, or another pull of this one, is fetching this layer. */
  | 'elsewhere'
  | 'queued'
  | 'downloading'
  /** All bytes have come and their digests are right. */
  | 'verified'
  /** Durable and registered. */
  | 'complete';

export type OnPullEvent = (event: PullEvent) => void;

/** How the parts of one pull tell their news; what can be worked out from them is added by the stream. */
export type Emit = (news: Raw<PullNews>) => void;

type Raw<T> = T extends { type: 'progress' } ? Omit<T, 'rate'> : T;
