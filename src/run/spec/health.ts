/** The health check of a container: that of its image (`HEALTHCHECK`), with what was given in its place. */
import type { ImageHealthcheck, ImageRunConfig, RunOptions } from '../run-options.js';

export interface HealthCheck {
  /** Executed in the container; healthy when it ends with 0. */
  command: string[];
  intervalMs: number;
  timeoutMs: number;
  /** Failures in a row that make the container unhealthy. */
  retries: number;
  /** Milliseconds after the start in which failures do not count, as long as none succeeded. */
  startPeriodMs: number;
  /** Between checks in that time. */
  startIntervalMs: number;
}

const NANOSECONDS = 1_000_000;
/** Docker's. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startIntervalMs: 5000 };

/** In the format of an image's configuration, durations in nanoseconds; undefined where nobody asked for one. */
export function healthSettings(image: ImageRunConfig, options: RunOptions): ImageHealthcheck | undefined {
  const merged = { ...image.Healthcheck, ...options.health };
  return Object.keys(merged).length === 0 ? undefined : merged;
}

/** Undefined where there is none, or where it is switched off. */
export function healthCheck(image: ImageRunConfig, options: RunOptions): HealthCheck | undefined {
  const settings = healthSettings(image, options);
  const [kind, ...words] = settings?.Test ?? [];
  if (settings === undefined || words.length === 0 || (kind !== 'CMD' && kind !== 'CMD-SHELL')) return undefined;
  const milliseconds = (value: number | undefined, otherwise: number): number =>
    value ? value / NANOSECONDS : otherwise;
  return {
    command: kind === 'CMD' ? words : ['/bin/sh', '-c', words.join(' ')],
    intervalMs: milliseconds(settings.Interval, defaults.intervalMs),
    timeoutMs: milliseconds(settings.Timeout, defaults.timeoutMs),
    retries: settings.Retries || defaults.retries,
    startPeriodMs: milliseconds(settings.StartPeriod, 0),
    startIntervalMs: milliseconds(settings.StartInterval, defaults.startIntervalMs),
  };
}
