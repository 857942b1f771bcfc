import { isErrno } from '../../../store/errors.js';

/** All that a program can catch, but those about children, pipes and urgent data, and those that report its own faults. */
const forwarded: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGVTALRM',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
];

const RETRY_MS = 5;

/** The size of a terminal reaches the container through its own terminal. */
export function forwardedSignals(tty: boolean): readonly NodeJS.Signals[] {
  return tty ? forwarded.filter((signal) => signal !== 'SIGWINCH') : forwarded;
}

/**
 * Sends signals that reach this process to the container's. Returns a function that stops it.
 *
 * @param pid undefined as long as the container does not run yet: signals wait for it
 */
export function forwardSignals(pid: () => number | undefined, tty: boolean): () => void {
  const signals = forwardedSignals(tty);
  let stopped = false;
  const send = (signal: NodeJS.Signals): void => {
    if (stopped) return;
    const target = pid();
    if (target === undefined) {
      setTimeout(send, RETRY_MS, signal);
      return;
    }
    try {
      process.kill(target, signal);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  };
  for (const signal of signals) process.on(signal, send);
  return () => {
    stopped = true;
    for (const signal of signals) process.off(signal, send);
  };
}
