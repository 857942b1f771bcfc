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

/**
 * @param connect starts the container, or finds it; signals that come meanwhile wait for it
 * @returns the exit status, or `detached` when the keys for that were pressed; undefined when its supervisor is gone
 */
export async function joinStreams(
  connect: () => Promise<Attachment>,
  options: StreamOptions,
): Promise<number | 'detached' | undefined> {
  const signals = options.signals ? holdSignals() : undefined;
  try {
    const attachment = await connect();
    signals?.sendTo(attachment);
    return await join(attachment, options);
  } finally {
    signals?.release();
  }
}

async function join({ client, tty }: Attachment, options: StreamOptions): Promise<number | 'detached' | undefined> {
  const left = new AbortController();
  const releases = [
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

/** Keeps signals of this program until there is somebody to send them to. */
function holdSignals(): { sendTo(attachment: Attachment): void; release(): void } {
  const held: NodeJS.Signals[] = [];
  let take = (signal: NodeJS.Signals): void => void held.push(signal);
  const listener = (signal: NodeJS.Signals): void => take(signal);
  const names = forwardedSignals(false);
  for (const name of names) process.on(name, listener);
  return {
    sendTo({ client, tty }) {
      const forwarded = forwardedSignals(tty);
      take = (signal) => {
        if (forwarded.includes(signal))
          client.request({ do: 'kill', signal: constants.signals[signal] }).catch(unlessGone);
      };
      held.forEach(take);
    },
    release() {
      for (const name of names) process.off(name, listener);
    },
  };
}
