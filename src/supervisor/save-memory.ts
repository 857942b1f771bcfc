import { trimHeap } from '../../store/linux/trim-heap.js';

/** When all that a start needs is over. */
const QUIET_MS = 300;

/** Gives back, once, what the start of a container took and its life does not need: of a long life that is nearly all. */
export function saveMemory(): void {
  setTimeout(() => {
    // Present with --expose-gc, which spawn-supervisor.ts gives.
    globalThis.gc?.();
    globalThis.gc?.();
    trimHeap();
  }, QUIET_MS).unref();
}
