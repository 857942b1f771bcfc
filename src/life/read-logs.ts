/** Reading what a container wrote: the json-file log (src/supervisor/json-log.ts), oldest file first. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { containerFiles } from '../containers/container-files.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { isAttended } from '../containers/true-state.js';

export interface LogEntry {
  /** With its newline, if it has one. */
  log: string;
  stream: 'stdout' | 'stderr';
  /** RFC 3339. */
  time: string;
}

export interface ReadLogsOptions {
  /** Entries from the end; undefined for all. */
  tail?: number;
  /** Milliseconds since 1970. */
  since?: number;
  until?: number;
  /** Go on until the container ends. */
  follow?: boolean;
  signal?: AbortSignal;
}

const READ_BYTES = 256 * 1024;
/** A piece of a line has at most 16 KiB, each byte of which may take six. */
const LONGEST_ENTRY = 256 * 1024;
/** How often is looked for more. */
const LOOK_MS = 25;

/** @throws KnownError when nothing of it is kept */
export async function* readLogs(
  root: string,
  record: ContainerRecord,
  { tail, since, until, follow = false, signal }: ReadLogsOptions,
): AsyncGenerator<LogEntry> {
  const options = (record.request?.options ?? {}) as { logDriver?: string };
  if (record.request === undefined || options.logDriver === 'none')
    throw new KnownError('E_UNSUPPORTED', 'configured logging driver does not support reading');
  const path = containerFiles(root, record.id).log;
  const inTime = ({ time }: LogEntry): boolean => {
    const at = Date.parse(time);
    return (since === undefined || at >= since) && (until === undefined || at <= until);
  };
  const reader = openReader(path);
  try {
    yield* newest(oldEntries(path, reader), inTime, tail);
    while (follow && signal?.aborted !== true) {
      // Asked before reading: what is written until the end is not missed.
      const goesOn = isAttended(root, record.id);
      let isSilent = true;
      for (const entry of reader.more()) {
        isSilent = false;
        if (until !== undefined && Date.parse(entry.time) > until) return;
        if (inTime(entry)) yield entry;
      }
      if (!goesOn) return;
      if (isSilent) await delay(LOOK_MS);
    }
  } finally {
    reader.close();
  }
}

function* oldEntries(path: string, reader: Reader): Generator<LogEntry> {
  for (const file of rotated(path)) yield* readWhole(file);
  yield* reader.more();
}

/** The last `tail` of those that are wanted, or all. A log may be larger than memory: no more is held than is asked for. */
function* newest(
  entries: Iterable<LogEntry>,
  isWanted: (entry: LogEntry) => boolean,
  tail: number | undefined,
): Generator<LogEntry> {
  const last: LogEntry[] = [];
  for (const entry of entries) {
    if (!isWanted(entry)) continue;
    if (tail === undefined) yield entry;
    else last.push(entry);
    if (last.length > 2 * (tail ?? 0)) last.splice(0, last.length - (tail ?? 0));
  }
  if (tail !== undefined && tail > 0) yield* last.slice(-tail);
}

/** `.1` is the newest of those that were put away. */
function rotated(path: string): string[] {
  const files: string[] = [];
  for (let number = 1; existsSync(`${path}.${number}`); number++) files.unshift(`${path}.${number}`);
  return files;
}

function* readWhole(path: string): Generator<LogEntry> {
  const reader = openReader(path);
  try {
    yield* reader.more();
  } finally {
    reader.close();
  }
}

interface Reader {
  /** What is there when it is called and was not read yet. */
  more(): Generator<LogEntry>;
  close(): void;
}

function openReader(path: string): Reader {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let fd: number | undefined;
  let at = 0;
  let pending = '';
  function* readOn(file: number): Generator<LogEntry> {
    // A container may write faster than is read.
    const { size } = fstatSync(file);
    while (at < size) {
      const count = readSync(file, buffer, 0, Math.min(buffer.length, size - at), at);
      if (count === 0) return;
      at += count;
      // What is written is ASCII or whole characters, but a read may end within one.
      pending += buffer.toString('latin1', 0, count);
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) yield parseEntry(line, path);
      if (pending.length > LONGEST_ENTRY) parseEntry(pending, path);
    }
  }
  const reopen = (): number => {
    if (fd !== undefined) closeSync(fd);
    fd = openSync(path, 'r');
    at = 0;
    return fd;
  };
  return {
    *more() {
      if (fd === undefined && !existsSync(path)) return;
      const file = fd ?? reopen();
      let isSilent = true;
      for (const entry of readOn(file)) {
        isSilent = false;
        yield entry;
      }
      // It was put away, and another one begun.
      if (isSilent && existsSync(path) && statSync(path).ino !== fstatSync(file).ino) yield* readOn(reopen());
    },
    close() {
      if (fd !== undefined) closeSync(fd);
    },
  };
}

function parseEntry(line: string, path: string): LogEntry {
  try {
    return JSON.parse(Buffer.from(line, 'latin1').toString('utf8')) as LogEntry;
  } catch (cause) {
    throw new KnownError('E_STORE', `the log ${JSON.stringify(path)} is damaged`, { cause });
  }
}
