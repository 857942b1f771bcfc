/** What the failure of one endpoint means for the others and for itself. */
import { KnownError } from '../../store/errors.js';

/** How an endpoint failed: it does not have the thing, cannot be asked, or serves something else. */
export type FailureKind = 'missing' | 'failed' | 'wrong';

export interface Judgement {
  readonly kind: FailureKind;
  /** It is not worth asking for anything else in this run. */
  readonly givesUp: boolean;
}

const wrongContent: readonly string[] = ['E_VERIFY', 'E_ARCHIVE', 'E_DOCUMENT', 'E_UNSUPPORTED'];

export function isWrongContent(error: unknown): error is KnownError {
  return error instanceof KnownError && wrongContent.includes(error.code);
}

/** @param lasting - the failure will not pass by itself. */
export function judge(error: KnownError, lasting: boolean): Judgement {
  if (wrongContent.includes(error.code)) return { kind: 'wrong', givesUp: true };
  if (error.code === 'E_NOT_FOUND') return { kind: 'missing', givesUp: false };
  return { kind: 'failed', givesUp: lasting };
}
