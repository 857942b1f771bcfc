import { type Exit, exitOf } from '../../../store/linux/spawn.js';

/** A process lives on as long as a timer does; in worker threads, which no signal reaches, this is how often is looked. */
const LOOK_MS = 50;

const waiting = new Map<number, () => void>();

const lookAtAll = (): void => {
  for (const look of waiting.values()) look();
};

/**
 * Settles when the child has ended.
 *
 * @param options.keepsAlive whether this process has to live until then; default true
 */
export function endOfChild(pid: number, { keepsAlive = true } = {}): Promise<Exit> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(look, LOOK_MS);
    if (!keepsAlive) timer.unref();
    function look(): void {
      try {
        const exit = exitOf(pid);
        if (exit === undefined) return;
        resolve(exit);
      } catch (error) {
        reject(error);
      }
      clearInterval(timer);
      waiting.delete(pid);
      if (waiting.size === 0) process.off('SIGCHLD', lookAtAll);
    }
    if (waiting.size === 0) process.on('SIGCHLD', lookAtAll);
    waiting.set(pid, look);
    look();
  });
}
