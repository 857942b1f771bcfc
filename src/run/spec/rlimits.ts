import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import type { Ulimit } from '../run-options.js';

/** Numbers of asm-generic/resource.h, under the names of `--ulimit`. */
export const resources: Record<string, number> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  locks: 9,
  sigpending: 10,
  msgqueue: 11,
  nice: 12,
  rtprio: 13,
  rttime: 14,
};

export interface Rlimit {
  resource: number;
  soft: bigint;
  hard: bigint;
}

/** RLIM_INFINITY. */
export const INFINITE = 0xffffffffffffffffn;

/** What systemd gives a service: enough for select(2), and a program that wants more raises it itself. */
const SOFT_FILES = 1024n;

/**
 * The limits to set. Node raised the soft limit of open files of this process, which must not reach the container. A hard
 * limit cannot be raised without CAP_SYS_RESOURCE: then the present one is taken, with a warning.
 */
export function containerRlimits(
  wanted: readonly Ulimit[],
  hardNow: (resource: number) => bigint,
  mayRaise: boolean,
): { rlimits: Rlimit[]; warnings: string[] } {
  const warnings: string[] = [];
  const limits = new Map<number, Rlimit>();
  const files = hardNow(7);
  limits.set(7, { resource: 7, soft: files < SOFT_FILES ? files : SOFT_FILES, hard: files });
  for (const { name, soft, hard } of wanted) {
    const resource = resources[name];
    if (resource === undefined)
      throw new KnownError('E_USAGE', `invalid ulimit type: ${printable(name)}`, { exitCode: 125 });
    const limit = { resource, soft: toLimit(soft), hard: toLimit(hard) };
    const ceiling = hardNow(resource);
    if (limit.hard > ceiling && !mayRaise) {
      warnings.push(`the limit ${name} is cut to ${ceiling}: raising it needs CAP_SYS_RESOURCE`);
      limit.hard = ceiling;
      if (limit.soft > ceiling) limit.soft = ceiling;
    }
    limits.set(resource, limit);
  }
  return { rlimits: [...limits.values()], warnings };
}

function toLimit(value: number): bigint {
  return value < 0 ? INFINITE : BigInt(value);
}
