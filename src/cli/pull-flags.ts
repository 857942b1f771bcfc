/** What the flags of tspull mean. */
import { InvalidArgumentError } from 'commander';
import type { PullManyOptions } from '../pull/pull-many.js';
import type { ShortNames } from '../pull/reference-for.js';

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
  quiet?: boolean;
  json?: boolean;
  timings?: boolean;
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 999 is expected');
  return Number(text);
}

export const collect = (text: string, before: string[] = []): string[] => [...before, text];

/** Commas or repetition. */
export const collectList = (text: string, before: string[] = []): string[] => [...before, ...text.split(',')];

export function pullOptions(flags: PullFlags): PullManyOptions {
  const { root, platform, allTags, insecure, ca, mirror, shortNames, maxConcurrentDownloads } = flags;
  return {
    ...(root !== undefined && { root }),
    ...(platform !== undefined && { platforms: platform }),
    ...(allTags !== undefined && { allTags }),
    ...(insecure !== undefined && { insecure }),
    ...(ca !== undefined && { caFiles: ca }),
    ...(mirror !== undefined && { mirrors: mirror }),
    ...(shortNames !== undefined && { shortNames }),
    ...(maxConcurrentDownloads !== undefined && { maxConcurrentDownloads }),
  };
}
