/** Connects a container's pseudo-terminal with the caller's streams. */
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { StandardStreams } from '../start/standard-streams.js';
import { openPty, type Pty, setWindowSize, type WindowSize } from './pty.js';
import { enterRawMode } from './raw-mode.js';

export interface TerminalStreams extends StandardStreams {
  pty: Pty;
}

/** What a terminal has when nobody says: programs that divide by the width live longer. */
const UNKNOWN_SIZE: WindowSize = { rows: 24, columns: 80 };

export function terminalStreams(interactive: boolean): TerminalStreams {
  const pty = openPty(windowSize() ?? UNKNOWN_SIZE);
  let ended: Promise<void> = Promise.resolve();
  let restore: () => void = () => {};
  const onResize = (): void => {
    const size = windowSize();
    if (size !== undefined) setWindowSize(pty.master, size);
  };
  return {
    pty,
    stdio: [pty.slave, pty.slave, pty.slave],
    started() {
      closeSync(pty.slave);
      closeSync(pty.devpts);
      if (interactive && process.stdin.isTTY) restore = enterRawMode(0);
      process.on('SIGWINCH', onResize);
      onResize();
      ended = connect(pty.master, interactive);
    },
    async finished() {
      await ended;
      process.off('SIGWINCH', onResize);
      restore();
      if (interactive) process.stdin.removeAllListeners('data').pause();
    },
  };
}

function windowSize(): WindowSize | undefined {
  const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
  if (terminal === undefined) return undefined;
  const [columns, rows] = terminal.getWindowSize();
  return columns > 0 && rows > 0 ? { rows, columns } : undefined;
}

/** Settles when the last holder of the other side closed it. */
function connect(master: number, interactive: boolean): Promise<void> {
  return new Promise((resolve) => {
    const terminal = new ReadStream(master);
    terminal.on('data', (bytes: Buffer) => {
      if (process.stdout.write(bytes)) return;
      terminal.pause();
      process.stdout.once('drain', () => terminal.resume());
    });
    // The kernel says EIO when the other side is gone.
    terminal.on('error', () => resolve());
    terminal.on('close', () => resolve());
    if (!interactive) return;
    process.stdin.on('data', (bytes: Buffer) => {
      if (!terminal.destroyed) terminal.write(bytes);
    });
  });
}
