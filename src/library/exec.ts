/** `exec` and `startExec` of the library: a command in a container that runs, with its streams as the caller wants them. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { defaultRoot, openForReading } from '../../store/store.js';
import { findToExec, startExec as startInContainer } from '../run/exec/exec.js';
import type { ExecOptions } from '../run/exec/exec-options.js';
import { measuredStreams } from '../run/sandbox/measured-streams.js';
import { pipeStreams } from '../run/start/attachable-streams.js';
import { inputStream, writeTo } from './streams.js';

export interface ExecByNameOptions extends Omit<ExecOptions, 'interactive' | 'tty'> {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** What the command reads; nothing by default. */
  input?: Uint8Array | string;
  /** Takes what the command writes; a promise makes it wait. The chunk's memory is the caller's. */
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void;
  /** Kills the command. */
  signal?: AbortSignal;
}

/**
 * Executes a command in a running container and waits for its end. Many may do so at once.
 *
 * @param container its name, its id, or the beginning of the id
 * @returns the exit status of the command, 128 and the signal when one killed it
 * @throws KnownError `E_NO_CONTAINER`, `E_CONFLICT` for one that does not run, and with `exitCode` 126 when the command cannot
 * be executed
 */
export async function exec(
  container: string,
  command: readonly [string, ...string[]],
  options: ExecByNameOptions = {},
): Promise<{ exitCode: number }> {
  const { root: path = defaultRoot(), input, onOutput, signal, ...execOptions } = options;
  signal?.throwIfAborted();
  const { root } = openForReading(path);
  const record = findToExec(root, container);
  const take = (stream: 'stdout' | 'stderr') => async (chunk: Buffer) => await onOutput?.(stream, chunk);
  const streams = measuredStreams({
    input,
    out: take('stdout'),
    err: take('stderr'),
    limit: Number.POSITIVE_INFINITY,
    onLimit: () => undefined,
  });
  try {
    const { ended, kill } = await startInContainer({
      root,
      record,
      command,
      options: execOptions,
      streams: () => streams,
    });
    signal?.addEventListener('abort', kill, { once: true });
    if (signal?.aborted) kill();
    try {
      return { exitCode: await ended };
    } finally {
      signal?.removeEventListener('abort', kill);
    }
  } finally {
    streams.close();
  }
}

/** A command that runs. Output that is not read makes it wait. */
export interface ExecStreams {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Its exit status, once it has ended. @throws KnownError with `exitCode` 126 when it could not be executed */
  ended: Promise<number>;
  kill(): void;
}

/** Executes a command in a running container with its streams connected; an abort of `signal` kills it. */
export async function startExec(
  container: string,
  command: readonly [string, ...string[]],
  options: Omit<ExecByNameOptions, 'input' | 'onOutput'> = {},
): Promise<ExecStreams> {
  const { root: path = defaultRoot(), signal, ...execOptions } = options;
  signal?.throwIfAborted();
  const { root } = openForReading(path);
  const record = findToExec(root, container);
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const streams = pipeStreams(true, (stream, chunk) => writeTo(outputs[stream], chunk));
  try {
    const request = { root, record, command, options: execOptions, streams: () => streams };
    const { ended, kill } = await startInContainer(request);
    signal?.addEventListener('abort', kill, { once: true });
    if (signal?.aborted) kill();
    const over = ended.finally(() => {
      signal?.removeEventListener('abort', kill);
      for (const stream of Object.values(outputs)) stream.end();
    });
    return { ...outputs, stdin: inputStream(streams.input, streams.endInput), ended: over, kill };
  } catch (error) {
    streams.close();
    throw error;
  }
}
