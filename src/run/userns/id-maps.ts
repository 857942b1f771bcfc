/** `--userns NAME`: which ids of the host a container's ids are, from the ranges of /etc/subuid and /etc/subgid (subuid(5)). */
import { readFileSync } from 'node:fs';
import { isErrno, KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import type { RunOptions } from '../run-options.js';

/** `size` ids from `inside` on are those from `outside` on. */
export interface IdRange {
  inside: number;
  outside: number;
  size: number;
}

export interface IdMaps {
  uids: IdRange[];
  gids: IdRange[];
}

/** What dockerd makes of `userns-remap: default`. */
const DEFAULT_USER = 'dockremap';
/** The kernel takes so many lines (user_namespaces(7)). */
const MOST_RANGES = 340;
const LAST_ID = 0xfffffffe;

/**
 * @param name `USER[:GROUP]`, as for dockerd's `userns-remap`
 * @throws KnownError E_RUN without a usable range
 */
export function readIdMaps(name: string): IdMaps {
  const [user = '', group = user] = name.split(':').map((part) => (part === 'default' ? DEFAULT_USER : part));
  return { uids: rangesOf(user, '/etc/subuid'), gids: rangesOf(group, '/etc/subgid') };
}

/** @throws KnownError E_USAGE for options that go with no user namespace, E_RUN without a usable range */
export function checkUserNamespace(name: string, options: RunOptions): void {
  const other = conflictOf(options);
  if (other !== undefined)
    throw new KnownError('E_USAGE', `${other} is incompatible with user namespaces`, { exitCode: 125 });
  readIdMaps(name);
}

function conflictOf(options: RunOptions): string | undefined {
  if (options.privileged) return 'privileged mode';
  for (const kind of ['network', 'pid', 'ipc', 'uts'] as const) {
    const value = options[kind];
    if (value !== undefined && value !== 'none' && value !== 'private') return `--${kind} ${value}`;
  }
  return options.runtime === undefined ? undefined : '--runtime';
}

function rangesOf(name: string, file: string): IdRange[] {
  const ranges = parseRanges(textOf(file), name, file);
  if (ranges.length > 0 && ranges.length <= MOST_RANGES) return ranges;
  const problem = ranges.length === 0 ? 'has no range' : `has more than ${MOST_RANGES} ranges`;
  throw new KnownError('E_RUN', `cannot make a user namespace: ${file} ${problem} for "${printable(name)}"`, {
    hint: `add a line such as ${printable(name)}:100000:65536`,
    exitCode: 125,
  });
}

/** The ranges of a user one after the other, the container's ids counted from 0. */
export function parseRanges(text: string, name: string, file: string): IdRange[] {
  const ranges: IdRange[] = [];
  let inside = 0;
  for (const line of text.split('\n')) {
    const [owner, first = '', count = ''] = line.split(':');
    if (owner !== name || name === '') continue;
    const [outside, size] = [first, count].map((part) => (/^\d{1,10}$/.test(part.trim()) ? Number(part) : Number.NaN));
    // The host's root among them would make a container's user root.
    if (!(Number(outside) > 0 && Number(size) > 0 && Number(outside) + Number(size) - 1 <= LAST_ID))
      throw new KnownError(
        'E_RUN',
        `cannot make a user namespace: the line "${printable(line)}" of ${file} is no range`,
        {
          exitCode: 125,
        },
      );
    ranges.push({ inside, outside: Number(outside), size: Number(size) });
    inside += Number(size);
  }
  const sorted = ranges.toSorted((a, b) => a.outside - b.outside);
  const overlap = sorted.find(
    (range, index) => range.outside < (sorted[index - 1]?.outside ?? 0) + (sorted[index - 1]?.size ?? 0),
  );
  if (overlap !== undefined)
    throw new KnownError('E_RUN', `cannot make a user namespace: ranges of "${printable(name)}" in ${file} overlap`, {
      exitCode: 125,
    });
  return ranges;
}

/** The host's id of one of the container; undefined when it has none. */
export function mapId(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ inside, size }) => id >= inside && id < inside + size);
  return range === undefined ? undefined : range.outside + id - range.inside;
}

/** The container's id of one of the host; undefined when it has none. */
export function unmapId(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ outside, size }) => id >= outside && id < outside + size);
  return range === undefined ? undefined : range.inside + id - range.outside;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}
