/** Reading the journal of events, oldest first, and going on with what comes. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../../store/errors.js';
import { type ContainerEvent, journalPath } from '../containers/events/journal.js';

export interface ReadEventsOptions {
  /** Nanoseconds since 1970; without it only what happens from now on. */
  since?: bigint;
  /** Ends then; without it, never. */
  until?: bigint;
  signal?: AbortSignal;
}

const READ_BYTES = 256 * 1024;
/** How often is looked for more. */
const LOOK_MS = 25;

export async function* readEvents(
  root: string,
  { since, until, signal }: ReadEventsOptions = {},
): AsyncGenerator<ContainerEvent> {
  const path = journalPath(root);
  const from = since ?? now();
  const isWanted = ({ timeNano }: ContainerEvent): boolean =>
    timeNano >= from && (until === undefined || timeNano <= until);
  const old = openReader(`${path}.1`);
  const current = openReader(path);
  try {
    yield* old.more().filter(isWanted);
    while (signal?.aborted !== true) {
      // Asked before reading: what is written until then is not missed.
      const isOver = until !== undefined && now() > until;
      const events = current.more();
      yield* events.filter(isWanted);
      if (isOver) return;
      if (events.length === 0) await delay(LOOK_MS);
    }
  } finally {
    old.close();
    current.close();
  }
}

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

interface Reader {
  /** What is there and was not read yet. */
  more(): ContainerEvent[];
  close(): void;
}

function openReader(path: string): Reader {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let fd: number | undefined;
  let pending = '';
  const readAll = (file: number): ContainerEvent[] => {
    const events: ContainerEvent[] = [];
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
      // A read may end within a character.
      pending += buffer.toString('latin1', 0, count);
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) events.push(...parseEvent(line));
    }
    return events;
  };
  return {
    more() {
      fd ??= tryOpen(path);
      if (fd === undefined) return [];
      const events = readAll(fd);
      // It was put away, and another one begun.
      if (events.length > 0 || inodeOf(path) === fstatSync(fd).ino) return events;
      closeSync(fd);
      fd = tryOpen(path);
      pending = '';
      return fd === undefined ? [] : readAll(fd);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
    },
  };
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

/** What a full disk cut off is passed over. */
function parseEvent(line: string): ContainerEvent[] {
  try {
    const event = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
    return [{ ...event, timeNano: BigInt(event.timeNano) }];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return [];
    throw error;
  }
}
