import type { Stage2Process } from './start/stage2-process.js';
import type { StandardStreams } from './start/standard-streams.js';

/** How a caller takes part in a run that it measures or limits; without it a run does not ask. */
export interface RunHooks {
  /** What the container gets as 0, 1 and 2 instead of this process's own. */
  streams: StandardStreams;
  /** Descriptors of the caller that stay open in the container's first process until the command is executed. */
  guards?: readonly number[];
  /** Whether signals of this process are for the container. */
  forwardsSignals: boolean;
  started(process: Stage2Process): void;
  /** When it ended, before anything of it is removed. */
  ended(left: { root: string; mountId: string; cgroups: readonly string[] }): void;
}
