/** Tells when a process that was started has executed its command, or has failed to. */
import { closeSync } from 'node:fs';
import { makePipe } from '../../../store/linux/anonymous-file.js';
import { openSocket } from './standard-streams.js';

export interface Guard {
  /** Held by a process inside until it executes the command. */
  fd: number;
  /** Settles when nobody holds it any more; from the first call on this process does not. */
  released(): Promise<void>;
}

export function openGuard(): Guard {
  const { read, write } = makePipe();
  let end: Promise<void> | undefined;
  return {
    fd: write,
    released: () =>
      (end ??= new Promise((resolve) => {
        closeSync(write);
        const pipe = openSocket({ fd: read, readable: true, writable: false });
        pipe.on('error', () => pipe.destroy());
        pipe.on('close', () => resolve()).resume();
      })),
  };
}
