/** What pushes tell while they run; also the lines of `tsimage push --json`. docs/events.md explains them to users. */
import type { ErrorCode } from '../../store/errors.js';
import type { DiffId, Digest, ImageId } from '../../store/oci/digest.js';

/** Raised when an event loses a field or a field changes its meaning; what is new does not count. */
export const pushEventsVersion = 1;

/** `ms` is milliseconds since the first event. */
export type PushEvent = PushNews & { ms: number };

export type PushNews =
  /** A repository as it was given, and its full name. */
  | { type: 'start'; version: typeof pushEventsVersion; name: string; repository: string }
  /** One tag begins. `layers` from the lowest up, each by the digest of its archive. */
  | { type: 'image'; reference: string; image: ImageId; layers: DiffId[] }
  | { type: 'layer'; reference: string; index: number; layer: DiffId; status: LayerPushStatus; from?: string }
  /** At most ten times a second a layer: bytes of its archive that were read, of all that it has; and bytes of the blob that were sent. */
  | { type: 'progress'; reference: string; index: number; layer: DiffId; current: number; total: number; sent: number }
  /** An upload broke, and goes on from `offset` of the blob after `delayMs`. */
  | { type: 'retry'; reference: string; index: number; layer: DiffId; offset: number; delayMs: number; reason: string }
  /** `unchanged`: it is byte for byte the manifest that the image was pulled with. */
  | { type: 'done'; reference: string; image: ImageId; digest: Digest; size: number; unchanged: boolean }
  /** The push has failed; `code` is one of docs/errors.md, or null for a bug. */
  | { type: 'failed'; reference: string; code: ErrorCode | null; message: string; hint: string | null };

export type LayerPushStatus =
  | 'preparing'
  /** For others to be finished. */
  | 'waiting'
  /** The repository has it. */
  | 'exists'
  /** The registry took it from its repository `from`. */
  | 'mounted'
  | 'pushing'
  | 'pushed';

export type OnPushEvent = (event: PushEvent) => void;
export type EmitPush = (news: PushNews) => void;
