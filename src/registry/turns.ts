/** Whose turn it is when several endpoints can serve one thing: in order, and again as long as a failure may pass. */
import { maxTries, waitBefore } from './retry.js';

export interface TurnFailure {
  /** Asking this one again would not help. */
  readonly lasting: boolean;
  readonly retryAfter?: string | undefined;
  /** It was of use, so that it is asked again before the others. */
  readonly stay?: boolean;
}

export interface Turns {
  /** Index of the one to ask. */
  current(): number;
  /** The current one was of use: its failures so far do not count. */
  forgive(): void;
  /** The current one failed. Milliseconds to wait before the next is asked; undefined when nobody is left. */
  fail(failure: TurnFailure): number | undefined;
}

interface Place {
  failures: number;
  out: boolean;
  waitMs: number;
}

/**
 * Each is asked at most {@link maxTries} times in a row without use. Going on to the next one needs no wait; coming back
 * to one does. With one endpoint this is the usual repetition with growing waits.
 */
export function createTurns(count: number): Turns {
  const places = Array.from({ length: count }, (): Place => ({ failures: 0, out: false, waitMs: 0 }));
  let current = 0;
  const here = (): Place => {
    const place = places[current];
    if (place === undefined) throw new Error('there is nobody to ask');
    return place;
  };
  return {
    current: () => current,
    forgive() {
      here().failures = 0;
    },
    fail({ lasting, retryAfter, stay = false }) {
      const place = here();
      const waitMs = waitBefore(++place.failures, retryAfter);
      place.out = lasting || place.failures >= maxTries || waitMs === undefined;
      place.waitMs = waitMs ?? 0;
      if (stay && !place.out) return place.waitMs;
      const after = places.findIndex((item, index) => index > current && !item.out);
      if (after !== -1) {
        current = after;
        return 0;
      }
      const again = places.findIndex((item) => !item.out);
      if (again === -1) return undefined;
      current = again;
      return here().waitMs;
    },
  };
}
