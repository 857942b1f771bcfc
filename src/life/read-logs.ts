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
    const old = [...rotated(path).flatMap((file) => readWhole(file)), ...reader.more()].filter(inTime);
    yield* tail === undefined ? old : tail === 0 ? [] : old.slice(-tail);
    while (follow && signal?.aborted !== true) {
      // Asked before reading: what is written until the end is not missed.
      const goesOn = isAttended(root, record.id);
      const entries = reader.more();
      for (const entry of entries) {
        if (until !== undefined && Date.parse(entry.time) > until) return;
        if (inTime(entry)) yield entry;
      }
      if (!goesOn) return;
      if (entries.length === 0) await delay(LOOK_MS);
    }
  } finally {
    reader.close();
  }
}

/** `.1` is the newest of those that were put away. */
function rotated(path: string): string[] {
  const files: string[] = [];
  for (let number = 1; existsSync(`${path}.${number}`); number++) files.unshift(`${path}.${number}`);
  return files;
}

function readWhole(path: string): LogEntry[] {
  const reader = openReader(path);
  try {
    return reader.more();
  } finally {
    reader.close();
  }
}

interface Reader {
  /** What is there and was not read yet. */
  more(): LogEntry[];
  close(): void;
}

function openReader(path: string): Reader {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let fd: number | undefined;
  let pending = '';
  const readAll = (file: number): LogEntry[] => {
    const entries: LogEntry[] = [];
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
      // What is written is ASCII or whole characters, but a read may end within one.
      pending += buffer.toString('latin1', 0, count);
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) entries.push(parseEntry(line, path));
    }
    return entries;
  };
  return {
    more() {
      if (fd === undefined) {
        if (!existsSync(path)) return [];
        fd = openSync(path, 'r');
      }
      const entries = readAll(fd);
      // It was put away, and another one begun.
      if (entries.length === 0 && existsSync(path) && statSync(path).ino !== fstatSync(fd).ino) {
        closeSync(fd);
        fd = openSync(path, 'r');
        return readAll(fd);
      }
      return entries;
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
