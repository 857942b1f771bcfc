/** When to try again, and after how long. */
import { KnownError } from '../../store/errors.js';
import { givenUp } from './network-error.js';

/** Tries of one request or, for a blob, tries in a row that brought next to nothing. */
export const maxTries = 5;
/** The longest wait that a server may ask for. */
export const maxWaitMs = 60_000;
const firstWaitMs = 250;

/** The outcome of one try: a value, or a failure that may pass. Failures that stay are thrown. */
export type Attempt<T> =
  | { readonly value: T }
  | { readonly value?: never; readonly error: KnownError; readonly retryAfter?: string | undefined };

export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Runs `attempt` until it brings a value, at most {@link maxTries} times; then its last error is thrown. */
export async function withRetries<T>(attempt: () => Promise<Attempt<T>>, signal: AbortSignal | undefined): Promise<T> {
  for (let failures = 1; ; failures++) {
    const outcome = await attempt();
    if (!('error' in outcome)) return outcome.value;
    const waitMs = waitBefore(failures, outcome.retryAfter);
    if (failures >= maxTries || waitMs === undefined) throw givenUp(outcome.error);
    await pause(waitMs, signal);
  }
}

/**
 * Milliseconds to wait after so many failures: twice as long each time, give or take a quarter so that many clients do
 * not come back together; longer when the server asks. undefined when it asks for more than {@link maxWaitMs}.
 */
export function waitBefore(failures: number, retryAfter: string | undefined): number | undefined {
  const backOff = Math.min(maxWaitMs, firstWaitMs * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
  const asked = parseRetryAfter(retryAfter, Date.now());
  if (asked !== undefined && asked > maxWaitMs) return undefined;
  return Math.max(backOff, asked ?? 0);
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110 section 10.2.3); undefined for anything else. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // Date.parse takes much for a date; the HTTP form begins with a day's name.
  const date = /^[A-Z][a-z]{2,8}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');
    await sleep(ms, undefined, signal && { signal });
  } catch (cause) {
    throw cancelled(cause);
  }
}

export function cancelled(cause: unknown): KnownError {
  return new KnownError('E_CANCELLED', 'the operation was cancelled', { cause });
}
