/** Checks a container's health again and again while it runs, with the rules of moby's daemon/health.go. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerHealth, ContainerRecord } from '../containers/container-record.js';
import { startExec } from '../run/exec/exec.js';
import { keptOutput } from '../run/sandbox/kept-output.js';
import { measuredStreams } from '../run/sandbox/measured-streams.js';
import type { HealthCheck } from '../run/spec/health.js';
import { timestamp } from './json-log.js';

/** Bytes of a check's output that are kept, and how many checks. */
const OUTPUT_BYTES = 4096;
const KEPT_RESULTS = 5;

interface Monitored {
  root: string;
  record: () => ContainerRecord;
  check: HealthCheck;
  /** Told of every change. */
  onHealth: (health: ContainerHealth) => void;
}

/** @returns a function that ends it */
export function monitorHealth({ root, record, check, onHealth }: Monitored): () => void {
  const stop = new AbortController();
  const began = performance.now();
  let health: ContainerHealth = { status: 'starting', failingStreak: 0, log: [] };
  onHealth(health);
  const isStarting = (): boolean => health.status === 'starting' && performance.now() - began < check.startPeriodMs;
  const goOn = async (): Promise<void> => {
    for (;;) {
      const waitMs = isStarting() ? Math.min(check.startIntervalMs, check.intervalMs) : check.intervalMs;
      await delay(waitMs, undefined, { signal: stop.signal, ref: false });
      // A paused container would not answer.
      if (record().state !== 'running') continue;
      const countsFailures = !isStarting();
      const result = await checkOnce(root, record(), check, stop.signal);
      if (stop.signal.aborted) return;
      health = afterResult(health, result, { countsFailures, retries: check.retries });
      onHealth(health);
    }
  };
  goOn().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return () => stop.abort();
}

function afterResult(
  { status, failingStreak, log }: ContainerHealth,
  result: ContainerHealth['log'][number],
  { countsFailures, retries }: { countsFailures: boolean; retries: number },
): ContainerHealth {
  const kept = [...log, result].slice(-KEPT_RESULTS);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log: kept };
  const streak = failingStreak + (countsFailures ? 1 : 0);
  return { status: countsFailures && streak >= retries ? 'unhealthy' : status, failingStreak: streak, log: kept };
}

async function checkOnce(
  root: string,
  record: ContainerRecord,
  { command, timeoutMs }: HealthCheck,
  signal: AbortSignal,
): Promise<ContainerHealth['log'][number]> {
  const start = timestamp();
  const kept = keptOutput();
  const streams = measuredStreams({
    input: undefined,
    out: kept.sink,
    err: kept.sink,
    limit: OUTPUT_BYTES,
    onLimit: () => undefined,
  });
  const result = (exitCode: number, output: string) => ({ start, end: timestamp(), exitCode, output });
  try {
    const { ended, kill } = await startExec({ root, record, command, options: {}, streams: () => streams });
    const over = new AbortController();
    const late = delay(timeoutMs, 'late' as const, { signal: AbortSignal.any([over.signal, signal]), ref: false });
    const first = await Promise.race([ended, late.catch(() => 'stopped' as const)]);
    over.abort();
    if (typeof first === 'number') return result(first, kept.text());
    kill();
    await ended;
    return result(-1, `Health check exceeded timeout (${timeoutMs / 1000}s)`);
  } catch (error) {
    return result(-1, error instanceof Error ? error.message : String(error));
  } finally {
    streams.close();
  }
}
