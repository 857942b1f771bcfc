/** The worker thread's side: one layer job at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { confineChanges } from '../../store/linux/landlock.js';
import { clearThreadUmask } from '../../store/linux/umask.js';
import type { BlobChallenge, BlobFailover } from '../registry/blob-target.js';
import { closeJobTransport, type LayerJob, runLayerJob } from './layer-job.js';
import { type FromWorker, packError, type ToWorker, unpackError } from './thread-messages.js';

if (parentPort === null) throw new Error('layer-worker runs only as a worker thread');
const port = parentPort;
// Saves a call for each file. Nothing here relies on a umask to keep others out.
clearThreadUmask();
const say = (message: FromWorker) => port.postMessage(message);

const abort = new AbortController();
const waiting = new Map<number, { resolve: (value: string | undefined) => void; reject: (error: Error) => void }>();
let requests = 0;

function authorize(challenge: BlobChallenge): Promise<string | undefined> {
  const request = ++requests;
  say({ type: 'authorize', request, challenge });
  return new Promise((resolve, reject) => waiting.set(request, { resolve, reject }));
}

let isConfined = false;

/** A second wall around the archives of strangers. Before the first of them comes, the root need not exist. */
function confine(): void {
  if (!isConfined) confineChanges([(workerData as { root: string }).root]);
  isConfined = true;
}

async function run(job: LayerJob): Promise<void> {
  try {
    confine();
    const onRetry = (event: { offset: number; delayMs: number; reason: string }) => say({ type: 'retry', ...event });
    const onFailover = (failover: BlobFailover) => say({ type: 'failover', failover });
    say({ type: 'done', layers: await runLayerJob(job, { authorize, onRetry, onFailover, signal: abort.signal }) });
  } catch (error) {
    say({ type: 'failed', error: packError(error) });
  }
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'job') void run(message.job);
  // Not terminated from outside: what the thread has compiled is kept when it ends by itself.
  else if (message.type === 'end') process.exit(0);
  else if (message.type === 'abort') {
    abort.abort();
    closeJobTransport();
  } else {
    const answer = waiting.get(message.request);
    waiting.delete(message.request);
    if (message.error === undefined) answer?.resolve(message.value);
    else answer?.reject(unpackError(message.error));
  }
});
// Now it can be ended: whatever native code it needs is loaded.
say({ type: 'ready' });
