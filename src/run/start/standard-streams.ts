/**
 * What a container gets as 0, 1 and 2 when it has no terminal of its own.
 *
 * Pipes of the caller and /dev/null are handed over: no copying, and nothing to gain for the container. Anything else is
 * kept from it and copied through a pipe: a terminal would take input stuffed by TIOCSTI, and an open file can be opened
 * again with any access by way of /proc/self/fd, even one that was only readable.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Socket, SocketConstructorOpts } from 'node:net';
import { isErrno } from '../../../store/errors.js';
import { makePipe } from '../../../store/linux/anonymous-file.js';
import type { Pty } from '../tty/pty.js';

export interface StandardStreams {
  stdio: number[];
  /** Where they are a terminal of the container's own. */
  pty?: Pty;
  /** Call once the process has its descriptors: closes ours and starts copying. */
  started(): void;
  /** Settles when everything that the container wrote was passed on. */
  finished(): Promise<void>;
}

/** The number of the null device: major 1, minor 3. */
const NULL_DEVICE = 0x103;

export function standardStreams(interactive: boolean): StandardStreams {
  const input = interactive && !isHandedOver(0) ? makePipe() : undefined;
  const nothing = interactive ? undefined : openSync('/dev/null', 'r+');
  const outputs = [1, 2].map((fd) => (isHandedOver(fd) ? undefined : makePipe()));
  const [out, err] = outputs;
  let copies: Promise<void>[] = [];
  return {
    stdio: [nothing ?? input?.read ?? 0, out?.write ?? 1, err?.write ?? 2],
    started() {
      for (const fd of [nothing, input?.read, out?.write, err?.write]) if (fd !== undefined) closeSync(fd);
      if (input) copyInput(input.write);
      copies = [
        ...(out ? [copyOutput(out.read, process.stdout)] : []),
        ...(err ? [copyOutput(err.read, process.stderr)] : []),
      ];
    },
    async finished() {
      await Promise.all(copies);
      if (input) process.stdin.unpipe().pause();
    },
  };
}

/** Also for a descriptor that the caller closed: Node opened /dev/null in its place. */
function isHandedOver(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFIFO() || (stats.isCharacterDevice() && stats.rdev === NULL_DEVICE);
  } catch (error) {
    if (isErrno(error, 'EBADF')) return false;
    throw error;
  }
}

/** Loaded when it is needed: most containers get the caller's pipes themselves. */
export function openSocket(options: SocketConstructorOpts): Socket {
  const { Socket } = process.getBuiltinModule('node:net');
  return new Socket(options);
}

/** Hands what this process reads to the container. */
export function copyInput(fd: number): void {
  const pipe = openSocket({ fd, readable: false, writable: true });
  // The container may end, or close its input, before ours ends.
  pipe.on('error', () => process.stdin.unpipe(pipe).pause());
  process.stdin.on('error', () => pipe.end());
  process.stdin.pipe(pipe);
}

function copyOutput(fd: number, target: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const pipe = openSocket({ fd, readable: true, writable: false });
    // When nobody reads ours any more, the container's next write fails as it would without us.
    target.on('error', () => pipe.destroy());
    pipe.on('error', () => resolve());
    pipe.on('close', () => resolve());
    pipe.pipe(target, { end: false });
  });
}
