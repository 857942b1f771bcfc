/** Proves the trees of layers, several at a time: the largest are begun first, so that no thread is left alone with one at the end. */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type LayerToVerify, type LayerVerdict, verifyLayer } from '../../store/tar/verify-layer.js';

export interface TreeToVerify<T> {
  /** Whatever the caller knows it by. */
  of: T;
  layer: LayerToVerify;
  /** Bytes of its files, about. */
  size: number;
}

/** What is smaller altogether takes less time than the start of a thread. */
const MAIN_THREAD_BYTES = 4 * 1024 * 1024;
/** Beyond these a disk gives no more. */
const MAX_THREADS = 8;

export async function verifyTrees<T>(
  trees: readonly TreeToVerify<T>[],
  onVerdict: (of: T, verdict: LayerVerdict) => void,
  signal: AbortSignal,
): Promise<void> {
  const queue = [...trees].sort((a, b) => weight(b) - weight(a));
  const total = queue.reduce((sum, tree) => sum + weight(tree), 0);
  const places = Math.min(availableParallelism(), MAX_THREADS, queue.length);
  if (total < MAIN_THREAD_BYTES || places < 1) {
    for (const { of, layer } of queue) {
      signal.throwIfAborted();
      onVerdict(of, verifyLayer(layer));
    }
    return;
  }
  await Promise.all(Array.from({ length: places }, () => verifyInThread(queue, onVerdict, signal)));
}

/** A file costs about as much as hashing so many bytes; a line of the record is some 60 bytes when it is compressed. */
function weight({ layer, size }: TreeToVerify<unknown>): number {
  const record = statSync(layer.record, { throwIfNoEntry: false })?.size ?? 0;
  return size + 200 * record;
}

async function verifyInThread<T>(
  queue: TreeToVerify<T>[],
  onVerdict: (of: T, verdict: LayerVerdict) => void,
  signal: AbortSignal,
): Promise<void> {
  const worker = new Worker(join(import.meta.dirname, 'verify-worker.js'), { trackUnmanagedFds: false });
  try {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      signal.throwIfAborted();
      onVerdict(next.of, await answer(worker, next.layer, signal));
    }
  } finally {
    await worker.terminate();
  }
}

function answer(worker: Worker, layer: LayerToVerify, signal: AbortSignal): Promise<LayerVerdict> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      worker.off('message', onMessage);
      worker.off('error', onError);
      act();
    };
    const onMessage = (verdict: LayerVerdict) => settle(() => resolve(verdict));
    const onError = (error: Error) => settle(() => reject(error));
    const onAbort = () => settle(() => reject(signal.reason));
    worker.on('message', onMessage);
    worker.on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    worker.postMessage(layer);
  });
}
