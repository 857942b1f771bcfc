/** Connects the streams of this program with a container that a supervisor stands by. */
import { once } from 'node:events';
import { constants } from 'node:os';
import type { ControlClient } from '../containers/control/control-client.js';
import type { Attachment, OnOutput } from '../life/lifecycle.js';
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
    return await (detached === undefined ? client.ended : Promise.race([client.ended, detached]));
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

function followSize(client: ControlClient): () => void {
  const tell = (): void => {
    const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
    if (terminal !== undefined) client.resize({ rows: terminal.rows, columns: terminal.columns });
  };
  process.on('SIGWINCH', tell);
  tell();
  return () => process.off('SIGWINCH', tell);
}

/** As docker does: every signal that can be caught, but those about children, pipes, urgent data and the program's own faults. */
const proxied = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGTSTP',
] as const;

function proxySignals(client: ControlClient, tty: boolean): () => void {
  const send = (signal: NodeJS.Signals): void => {
    client.request({ do: 'kill', signal: constants.signals[signal] }).catch((error: unknown) => {
      // It ends, or has ended: then the signal is for nobody.
      if (!(error instanceof Error && error.name === 'KnownError')) throw error;
    });
  };
  const names = tty ? proxied.filter((name) => name !== 'SIGTSTP') : proxied;
  for (const name of names) process.on(name, send);
  return () => {
    for (const name of names) process.off(name, send);
  };
}
