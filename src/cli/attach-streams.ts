/** Connects the streams of this program with a container that a supervisor stands by. */
import { once } from 'node:events';
import { constants } from 'node:os';
import { KnownError } from '../../store/errors.js';
import type { ControlClient } from '../containers/control/control-client.js';
import type { WindowSize } from '../containers/control/protocol.js';
import type { OnOutput } from '../life/ask.js';
import type { Attachment } from '../life/lifecycle.js';
import { forwardedSignals } from '../run/start/forward-signals.js';
import { enterRawMode } from '../run/tty/raw-mode.js';
import { detachScanner } from './detach-keys.js';

export interface StreamOptions {
  /** Whether input is sent. */
  input: boolean;
  detachKeys: Buffer;
  /** Whether signals of this program are for the container. */
  signals: boolean;
}

/** Writes output where it belongs, no faster than it is read. */
export const toOurOutputs: OnOutput = async (stream, chunk) => {
  const target = stream === 'stdout' ? process.stdout : process.stderr;
  // The chunk's memory is not ours after this call.
  if (!target.write(Buffer.from(chunk))) await once(target, 'drain');
};

/** @returns the exit status, or `detached` when the keys for that were pressed; undefined when its supervisor is gone */
export async function joinStreams(
  { client, tty }: Attachment,
  options: StreamOptions,
): Promise<number | 'detached' | undefined> {
  const left = new AbortController();
  const releases = [
    options.signals ? proxySignals(client, tty) : undefined,
    tty ? followSize(client) : undefined,
    options.input && tty && process.stdin.isTTY ? enterRawMode(0) : undefined,
  ];
  try {
    const detached = options.input
      ? sendInput(client, tty ? options.detachKeys : Buffer.alloc(0), left.signal)
      : undefined;
    const end = await (detached === undefined ? client.ended : Promise.race([client.ended, detached]));
    if (end === 'detached') await client.request({ do: 'detach' }).catch(unlessGone);
    return end;
  } finally {
    left.abort();
    for (const release of releases) release?.();
    process.stdin.removeAllListeners('data').removeAllListeners('end').pause();
    client.close();
  }
}

/** Settles when the keys were pressed; else never. Nothing is read after `left`. */
function sendInput(client: ControlClient, keys: Buffer, left: AbortSignal): Promise<'detached'> {
  const scanner = detachScanner(keys);
  return new Promise((resolve) => {
    process.stdin.on('data', (chunk: Buffer) => {
      const { input, detached } = scanner.scan(chunk);
      if (input.length > 0) {
        process.stdin.pause();
        void client.input(input).then(() => left.aborted || process.stdin.resume());
      }
      if (detached) resolve('detached');
    });
    process.stdin.on('end', () => client.endInput());
    process.stdin.on('error', () => client.endInput());
  });
}

/** It ends, or has ended: what is said to it then is for nobody. */
function unlessGone(error: unknown): void {
  if (!(error instanceof KnownError)) throw error;
}

/** Of the terminal that output goes to, if it goes to one. */
export function terminalSize(): WindowSize | undefined {
  const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
  return terminal && { rows: terminal.rows, columns: terminal.columns };
}

function followSize(client: ControlClient): () => void {
  const tell = (): void => {
    const size = terminalSize();
    if (size !== undefined) client.resize(size);
  };
  process.on('SIGWINCH', tell);
  tell();
  return () => process.off('SIGWINCH', tell);
}

function proxySignals(client: ControlClient, tty: boolean): () => void {
  const send = (signal: NodeJS.Signals): void => {
    client.request({ do: 'kill', signal: constants.signals[signal] }).catch(unlessGone);
  };
  const names = forwardedSignals(tty);
  for (const name of names) process.on(name, send);
  return () => {
    for (const name of names) process.off(name, send);
  };
}
