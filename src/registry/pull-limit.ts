/** What Docker Hub, and others that do as it does, say of how much may still be pulled. */
import type { IncomingHttpHeaders } from 'node:http';

/** https://docs.docker.com/docker-hub/usage/pulls/: `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600` */
export interface PullLimit {
  /** Pulls in one window; undefined where only the rest is told. */
  readonly limit: number | undefined;
  readonly remaining: number;
  readonly windowSeconds: number | undefined;
}

/** undefined where nothing is said, or nothing that makes sense. */
export function readPullLimit(headers: IncomingHttpHeaders): PullLimit | undefined {
  const remaining = parse(headers['ratelimit-remaining']);
  if (remaining === undefined) return undefined;
  const limit = parse(headers['ratelimit-limit']);
  return {
    limit: limit?.count,
    remaining: remaining.count,
    windowSeconds: remaining.windowSeconds ?? limit?.windowSeconds,
  };
}

function parse(value: string | string[] | undefined) {
  const [, count, window] = /^(\d{1,9})(?:;w=(\d{1,9}))?$/.exec(String(value ?? '').trim()) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowSeconds: window === undefined ? undefined : Number(window) };
}
