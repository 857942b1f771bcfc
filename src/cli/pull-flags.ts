/** What the flags of tspull mean. */
import { InvalidArgumentError } from 'commander';
import type { PullManyOptions } from '../pull/pull-many.js';
import type { ShortNames } from '../pull/reference-for.js';
import { parseGoDuration } from '../registry/mirrors/go-duration.js';

export interface PullFlags {
  root?: string;
  platform?: string[];
  allTags?: boolean;
  insecure?: boolean;
  ca?: string[];
  mirror?: string[];
  shortNames?: ShortNames;
  explain?: boolean;
  plan?: boolean;
  maxConcurrentDownloads?: number;
  blobConnections?: number;
  limitRate?: number;
  stallTimeout?: number;
  viaDaemon?: boolean;
  quiet?: boolean;
  json?: boolean;
  timings?: boolean;
  verbose?: boolean;
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 999 is expected');
  return Number(text);
}

export function connections(text: string): number {
  if (!/^([1-9]|1[0-6])$/.test(text)) throw new InvalidArgumentError('a number from 1 to 16 is expected');
  return Number(text);
}

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3 };

/** `500k`, `1.5m`: bytes a second, with the units of curl and wget. */
export function rate(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)([kmg]?)$/i.exec(text) ?? [];
  const bytes = Number(number) * 1024 ** (powers[unit.toLowerCase()] ?? 0);
  if (bytes >= 1) return bytes;
  throw new InvalidArgumentError('bytes a second are expected, as 500k, 1.5m or 1g (k is 1024)');
}

/** `30s`, `1m30s`, `500ms`: milliseconds. */
export function duration(text: string): number {
  const ms = parseGoDuration(text) ?? 0;
  if (ms >= 100 && ms <= 86_400_000) return ms;
  throw new InvalidArgumentError('a time from 100ms to 24h is expected, as 30s or 1m30s');
}

export const collect = (text: string, before: string[] = []): string[] => [...before, text];

/** Commas or repetition. */
export const collectList = (text: string, before: string[] = []): string[] => [...before, ...text.split(',')];

export function pullOptions(flags: PullFlags): PullManyOptions {
  const { root, platform, allTags, insecure, ca, mirror, shortNames, maxConcurrentDownloads } = flags;
  const { blobConnections, limitRate, stallTimeout } = flags;
  return {
    ...(root !== undefined && { root }),
    ...(platform !== undefined && { platforms: platform }),
    ...(allTags !== undefined && { allTags }),
    ...(insecure !== undefined && { insecure }),
    ...(ca !== undefined && { caFiles: ca }),
    ...(mirror !== undefined && { mirrors: mirror }),
    ...(shortNames !== undefined && { shortNames }),
    ...(maxConcurrentDownloads !== undefined && { maxConcurrentDownloads }),
    ...(blobConnections !== undefined && { blobConnections }),
    ...(limitRate !== undefined && { limitRate }),
    ...(stallTimeout !== undefined && { stallTimeoutMs: stallTimeout }),
  };
}
