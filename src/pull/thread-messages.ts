/** What the main thread and a layer worker say to each other, and errors in a form that survives the way. */
import { type ErrorCode, KnownError, SyscallError } from '../../store/errors.js';
import type { ExtractedLayer } from '../../store/tar/extract-layer.js';
import type { BlobChallenge, BlobFailover } from '../registry/blob-target.js';
import type { LayerJob } from './layer-job.js';

export type ToWorker =
  | { type: 'job'; job: LayerJob }
  | { type: 'authorization'; request: number; value: string | undefined; error?: PackedError }
  | { type: 'abort' }
  | { type: 'end' };

export type FromWorker =
  /** The first one of each thread: it is loaded, and may be ended. */
  | { type: 'ready' }
  | { type: 'authorize'; request: number; challenge: BlobChallenge }
  | { type: 'retry'; offset: number; delayMs: number; reason: string }
  | { type: 'failover'; failover: BlobFailover }
  | { type: 'done'; layers: ExtractedLayer[] }
  | { type: 'failed'; error: PackedError };

/** Structured cloning keeps only the message of an Error. */
export interface PackedError {
  kind: 'known' | 'syscall' | 'other';
  code: string | undefined;
  message: string;
  stack: string | undefined;
  hint: string | undefined;
  syscall: string | undefined;
  errno: number | undefined;
  cause: PackedError | undefined;
}

export function packError(error: unknown): PackedError {
  const it: Partial<SyscallError & KnownError> & Error = error instanceof Error ? error : new Error(String(error));
  const kind = it instanceof KnownError ? 'known' : it.syscall === undefined ? 'other' : 'syscall';
  const cause = it.cause instanceof Error ? packError(it.cause) : undefined;
  const { code, message, stack, hint, syscall, errno } = it;
  return { kind, code, message, stack, hint, syscall, errno, cause };
}

export function unpackError(packed: PackedError): Error {
  const cause = packed.cause === undefined ? {} : { cause: unpackError(packed.cause) };
  if (packed.kind === 'known')
    return new KnownError(packed.code as ErrorCode, packed.message, {
      ...cause,
      ...(packed.hint === undefined ? {} : { hint: packed.hint }),
    });
  const error =
    packed.kind === 'syscall'
      ? new SyscallError(packed.syscall ?? '', '', packed.errno ?? 0, packed.code ?? '')
      : new Error(packed.message, cause);
  error.message = packed.message;
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}
