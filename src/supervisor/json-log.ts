/**
 * Docker's json-file log: one JSON object a line, `{"log":"text\n","stream":"stdout","time":"2026-11-25T10:00:00.123456789Z"}`. A line
 * longer than 16 KiB is split; only the last piece ends in a newline.
 */
import { closeSync, constants, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

export interface LogOptions {
  /** Bytes after which a new file is begun; absent for never. */
  logMaxSize?: number;
  /** How many files are kept: this one, and `.1` and so on; default 1. */
  logMaxFiles?: number;
}

export type LogStream = 'stdout' | 'stderr';

export interface JsonLog {
  write(stream: LogStream, chunk: Buffer): void;
  /** Writes the last line that had no newline. */
  finish(): void;
  close(): void;
}

const LONGEST_LINE = 16 * 1024;
const NEWLINE = 0x0a;
/** A link in its place would let the container choose what is appended to another file. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

export function openJsonLog(path: string, { logMaxSize: maxSize, logMaxFiles: maxFiles = 1 }: LogOptions): JsonLog {
  let fd = openSync(path, OPEN_FLAGS, 0o640);
  let size = fstatSync(fd).size;
  const rest: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const rotate = (): void => {
    closeSync(fd);
    for (let number = maxFiles - 1; number > 0; number--)
      renameIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    if (maxFiles <= 1) rmSync(path, { force: true });
    fd = openSync(path, OPEN_FLAGS, 0o640);
    size = 0;
  };
  const put = (text: string): void => {
    const bytes = Buffer.from(text);
    if (maxSize !== undefined && size > 0 && size + bytes.length > maxSize) rotate();
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    size += bytes.length;
  };
  return {
    write(stream, chunk) {
      const time = timestamp();
      const { lines, left } = splitLines(rest[stream].length === 0 ? chunk : Buffer.concat([rest[stream], chunk]));
      // The chunk's memory is its owner's again after this call.
      rest[stream] = Buffer.from(left);
      const records = lines.map((line) => record(line, stream, time));
      for (const text of maxSize === undefined ? [records.join('')] : records) put(text);
    },
    finish() {
      for (const stream of ['stdout', 'stderr'] as const) {
        if (rest[stream].length > 0) put(record(rest[stream], stream, timestamp()));
        rest[stream] = Buffer.alloc(0);
      }
    },
    close: () => closeSync(fd),
  };
}

function splitLines(bytes: Buffer): { lines: Buffer[]; left: Buffer } {
  const lines: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, at);
    const whole = newline === -1 ? bytes.length : newline + 1;
    if (newline === -1 && whole - at <= LONGEST_LINE) break;
    const end = Math.min(whole, at + LONGEST_LINE);
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return { lines, left: bytes.subarray(at) };
}

/** As Go writes it: `<`, `>` and `&` are escaped. */
function record(line: Buffer, stream: LogStream, time: string): string {
  const log = JSON.stringify(line.toString('utf8')).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `{"log":${log},"stream":"${stream}","time":"${time}"}\n`;
}

/** RFC 3339 with nanoseconds, of which Node knows the first six. */
export function timestamp(): string {
  const microseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  const date = new Date(Number(microseconds / 1000n)).toISOString().slice(0, -1);
  const fraction = `${date.slice(20)}${String(microseconds % 1000n).padStart(3, '0')}`.replace(/0+$/, '');
  return `${date.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
