/** A run that is measured and limited, and that tells how it ended. */
import { constants } from 'node:os';
import { KnownError } from '../../../store/errors.js';
import { cgroupUsage, type Usage } from '../cgroup/usage.js';
import { type RunRequest, type RunResult, run } from '../run.js';
import type { Stage2Process } from '../start/stage2-process.js';
import { type Changes, changedFiles, type FileChange } from './changes.js';
import { measuredStreams, type Sink } from './measured-streams.js';

/**
 * `exited`: by itself. `signal`: something in the container, or its own fault, killed it. `out-of-memory`: the kernel did, for
 * its limit of memory. The rest is what the caller asked for.
 */
export type EndReason = 'exited' | 'signal' | 'out-of-memory' | 'timeout' | 'output-limit' | 'aborted';

export interface MeasuredResult extends RunResult {
  reason: EndReason;
  /** `SIGKILL`; null for a command that exited, or with `init`, which hides it. */
  signal: string | null;
  timedOut: boolean;
  /** From the start of the container's first process to the end of all. */
  wallMs: number;
  cpuMs: number;
  /** The largest amount of memory at any time, in bytes: of the cgroup if there is one, else of the largest process. */
  peakMemory: number;
  changes: FileChange[];
  /** Whether there were more changes than are listed. */
  changesCut: boolean;
}

export interface Measures {
  /** Milliseconds; 0 for no limit. */
  timeoutMs: number;
  /** Bytes of both outputs; Infinity for no limit. */
  outputLimit: number;
  input: Uint8Array | string | 'caller' | undefined;
  out: Sink;
  err: Sink;
  forwardsSignals: boolean;
  /** Ends the command. */
  signal?: AbortSignal;
}

/** What `timeout(1)` ends with. */
const TIMED_OUT = 124;

export async function measuredRun(request: Omit<RunRequest, 'hooks'>, measures: Measures): Promise<MeasuredResult> {
  const { options } = request;
  if (options.tty) throw new KnownError('E_USAGE', 'a terminal cannot be measured: leave -t out', { exitCode: 125 });
  const end = new Ending();
  const targets = (options.mounts ?? []).map(({ target }) => target);
  let usage: Usage | undefined;
  let changes: Changes | undefined;
  let stop: (() => void) | undefined;
  const streams = measuredStreams({
    ...measures,
    limit: measures.outputLimit,
    onLimit: () => end.kill('output-limit'),
  });
  try {
    const result = await run({
      ...request,
      hooks: {
        streams,
        forwardsSignals: measures.forwardsSignals,
        started(process) {
          stop = end.watch(process, measures);
        },
        ended({ root, mountId, cgroups }) {
          usage = cgroupUsage(cgroups);
          changes = changedFiles(root, mountId, targets);
        },
      },
    });
    return { ...end.result(result, usage), changes: changes?.list ?? [], changesCut: changes?.isCut ?? false };
  } finally {
    stop?.();
    streams.close();
  }
}

/** How one run is brought to its end, and how it came to it. */
class Ending {
  #process: Stage2Process | undefined;
  #cause: EndReason | undefined;
  #start = 0;
  #wallMs = 0;

  /** Returns a function that stops watching. */
  watch(process: Stage2Process, { timeoutMs, signal }: Measures): () => void {
    this.#process = process;
    this.#start = performance.now();
    const timer = timeoutMs > 0 ? setTimeout(() => this.kill('timeout'), timeoutMs) : undefined;
    const abort = (): void => this.kill('aborted');
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    // Not when its streams are at their end: somebody else may hold those open.
    void process.ended.then(() => {
      this.#wallMs = performance.now() - this.#start;
      clearTimeout(timer);
    });
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }

  kill(cause: EndReason): void {
    if (this.#cause !== undefined || this.#process === undefined) return;
    this.#cause = cause;
    this.#process.kill();
  }

  result(result: RunResult, usage: Usage | undefined): Omit<MeasuredResult, 'changes' | 'changesCut'> {
    const end = this.#process?.end();
    const signal = end?.signal === undefined ? null : signalName(end.signal);
    const reason = this.#cause ?? (signal === null ? 'exited' : result.oomKilled ? 'out-of-memory' : 'signal');
    return {
      ...result,
      exitCode: reason === 'timeout' ? TIMED_OUT : result.exitCode,
      reason,
      signal,
      timedOut: reason === 'timeout',
      wallMs: Math.round(this.#wallMs),
      cpuMs: Math.round((usage?.cpuUs ?? end?.cpuUs ?? 0) / 1000),
      peakMemory: usage?.peakMemory ?? end?.maxRss ?? 0,
    };
  }
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `signal ${number}`;
}
