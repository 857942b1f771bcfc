import type { RestartPolicy } from '../containers/container-record.js';

/** moby's restartmanager.go: the wait doubles from 100 ms to a minute, and a run of ten seconds makes it short again. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 60_000;
const LONG_RUN_MS = 10_000;

export interface Restarts {
  /** Milliseconds to wait before the next start; undefined for none. */
  after(end: { exitCode: number; ranMs: number; stopped: boolean }): number | undefined;
  /** Restarts so far. */
  readonly count: number;
}

export function createRestarts(policy: () => RestartPolicy): Restarts {
  let count = 0;
  let waitMs = 0;
  return {
    get count() {
      return count;
    },
    after({ exitCode, ranMs, stopped }) {
      const { name, maximum } = policy();
      if (stopped || name === 'no') return undefined;
      if (name === 'on-failure' && (exitCode === 0 || (maximum > 0 && count >= maximum))) return undefined;
      waitMs = ranMs >= LONG_RUN_MS || waitMs === 0 ? FIRST_WAIT_MS : Math.min(2 * waitMs, LONGEST_WAIT_MS);
      count++;
      return waitMs;
    },
  };
}
