/**
 * A fixed number of places in which layers are fetched and unpacked: worker threads, started when first needed and kept for the pull; or
 * the main thread, for blobs so small that starting a thread would cost more than it gains.
 */
import { access } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import type { ExtractedLayer } from '../../store/tar/extract-layer.js';
import { closeJobTransport, type LayerJob, type LayerJobPorts, runLayerJob } from './layer-job.js';
import type { LayerBody } from './layer-origin.js';
import { type FromWorker, packError, type ToWorker, unpackError } from './thread-messages.js';

/**
 * Handing a blob to a thread costs about what unpacking so many bytes does. They may still expand to a thousand times as much, which
 * is why larger ones are not unpacked where commits are made.
 */
const MAIN_THREAD_BYTES = 32 * 1024;

export interface LayerWorkers {
  /** Layers that are in work at a time. */
  readonly places: number;
  /** Starts so many threads, as far as there are places, that will be needed soon: they get ready meanwhile. */
  prepare(count: number): void;
  /** Waits for a free place, then runs the job there. `onStart` is called when it gets one: by then more is known of endpoints. */
  run(
    job: Omit<LayerJob, 'target'>,
    ports: LayerJobPorts,
    onStart: () => Promise<LayerBody>,
  ): Promise<ExtractedLayer[]>;
  close(): Promise<void>;
}

/** @param root the data root; a thread cannot change anything else */
export function createLayerWorkers(places: number, root: string): LayerWorkers {
  const limit = pLimit(places);
  const idle = new Set<Worker>();
  /** With what is kept when it can be ended. */
  const all = new Map<Worker, Promise<void>>();
  let failure: Error | undefined;
  const start = () => {
    const worker = startWorker(root);
    // Whoever is given a job hears of it by itself; before that nobody listens.
    worker.on('error', (error) => {
      failure ??= error;
    });
    worker.once('exit', () => {
      idle.delete(worker);
      all.delete(worker);
    });
    all.set(worker, untilReady(worker));
    return worker;
  };
  const take = () => {
    if (failure !== undefined) throw failure;
    // The one that worked last is warm, and has its connections.
    const ready = [...idle].at(-1);
    if (ready !== undefined) idle.delete(ready);
    return ready ?? start();
  };
  return {
    places,
    prepare(count) {
      while (all.size < Math.min(count, places)) idle.add(start());
    },
    run: (described, ports, onStart) =>
      limit(async () => {
        ports.signal.throwIfAborted();
        const job = { ...described, target: await onStart() };
        if (job.size <= MAIN_THREAD_BYTES) return await runLayerJob(job, ports);
        const worker = take();
        const layers = await runIn(worker, job, ports);
        idle.add(worker);
        return layers;
      }),
    async close() {
      closeJobTransport();
      await Promise.all(
        [...all].map(async ([worker, ready]) => {
          await ready;
          await (idle.has(worker) ? endOf(worker) : worker.terminate());
        }),
      );
    },
  };
}

/**
 * A thread that is ended while it loads native code takes the whole process along: the add-on finds that V8 refuses everything, and
 * aborts.
 */
function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    // Its first message. Errors have a listener of their own.
    worker.once('message', () => resolve());
    worker.once('exit', () => resolve());
  });
}

const END_GRACE_MS = 1000;

/** Lets a thread without work end by itself. */
async function endOf(worker: Worker): Promise<void> {
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage({ type: 'end' } satisfies ToWorker);
  const grace = setTimeout(() => void worker.terminate(), END_GRACE_MS);
  await ended;
  clearTimeout(grace);
}

function startWorker(root: string): Worker {
  // The first work for the pool starts its threads: not from the confined thread, which would confine them.
  access('/', () => undefined);
  return new Worker(join(import.meta.dirname, 'layer-worker.js'), { trackUnmanagedFds: false, workerData: { root } });
}

/** After an abort the worker has this long to let go of its files by itself. */
const ABORT_GRACE_MS = 2000;

function runIn(worker: Worker, job: LayerJob, ports: LayerJobPorts): Promise<ExtractedLayer[]> {
  const say = (message: ToWorker) => worker.postMessage(message);
  return new Promise((resolve, reject) => {
    let grace: NodeJS.Timeout | undefined;
    const onAbort = () => {
      say({ type: 'abort' });
      grace = setTimeout(() => end(() => reject(ports.signal.reason)), ABORT_GRACE_MS);
    };
    const end = (settle: () => void) => {
      clearTimeout(grace);
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
      ports.signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onError = (error: Error) => end(() => reject(error));
    const onExit = (code: number) => end(() => reject(new Error(`a layer worker ended by itself with ${code}`)));
    const onMessage = (message: FromWorker) => {
      if (message.type === 'done') end(() => resolve(message.layers));
      else if (message.type === 'failed') end(() => reject(unpackError(message.error)));
      else if (message.type === 'retry') ports.onRetry(message);
      else if (message.type === 'failover') ports.onFailover(message.failover);
      else if (message.type === 'authorize') void answer(message, ports, say);
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.on('exit', onExit);
    ports.signal.addEventListener('abort', onAbort, { once: true });
    say({ type: 'job', job });
  });
}

async function answer(
  { request, challenge }: FromWorker & { type: 'authorize' },
  ports: LayerJobPorts,
  say: (message: ToWorker) => void,
): Promise<void> {
  try {
    say({ type: 'authorization', request, value: await ports.authorize(challenge) });
  } catch (error) {
    say({ type: 'authorization', request, value: undefined, error: packError(error) });
  }
}
