/** One blob from the registry into one or more staged layers, in one pass. Runs in a worker thread, or on the main thread for small blobs. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { type ExtractedLayer, extractLayer, type LayerExtraction } from '../../store/tar/extract-layer.js';
import { streamBlob } from '../registry/blob-stream.js';
import { type BlobChallenge, type BlobFailover, type BlobTarget, withoutSuspects } from '../registry/blob-target.js';
import { isWrongContent } from '../registry/failure-kind.js';
import type { TransportSettings } from '../registry/settings.js';
import { openTransport, type Transport } from '../registry/transport.js';

/** Plain data: it travels to a worker thread. */
export interface LayerJob {
  digest: Digest;
  /** Bytes of the blob, from its descriptor. */
  size: number;
  target: BlobTarget;
  /** More than one when an image holds the same blob several times. */
  outputs: { layer: string; record: string; diffId: DiffId }[];
  maxPlainBytes: number;
  /** Two 64-bit floats that the job keeps current: bytes of the blob, bytes unpacked. */
  progress: SharedArrayBuffer;
}

export interface LayerJobPorts {
  authorize: (challenge: BlobChallenge) => Promise<string | undefined>;
  onRetry: (event: { offset: number; delayMs: number; reason: string }) => void;
  onFailover: (event: BlobFailover) => void;
  signal: AbortSignal;
}

const transports = new Map<string, Transport>();

/** Connections are kept between the jobs of a thread. */
function transportFor(settings: TransportSettings): Transport {
  const key = JSON.stringify(settings);
  const transport = transports.get(key) ?? openTransport(settings);
  transports.set(key, transport);
  return transport;
}

/** Lets go of this thread's connections. */
export function closeJobTransport(): void {
  for (const transport of transports.values()) transport.close();
  transports.clear();
}

/**
 * Fetches and unpacks. When the bytes turn out to be wrong, endpoints that served some of them are ruled out and the blob is
 * fetched again from its start; so it is, once, when only one endpoint is left and the transfer had to be resumed: a registry
 * may have answered for another blob in the middle.
 */
export async function runLayerJob(job: LayerJob, ports: LayerJobPorts): Promise<ExtractedLayer[]> {
  let { target } = job;
  let maySayAgain = true;
  for (;;) {
    let resumed = false;
    const sources = new Set<number>();
    const onRetry: LayerJobPorts['onRetry'] = (event) => {
      resumed ||= event.offset > 0;
      ports.onRetry(event);
    };
    try {
      return await attempt({ ...job, target }, { ...ports, onRetry }, (endpoint) => sources.add(endpoint));
    } catch (error) {
      if (!isWrongContent(error)) throw error;
      const others = withoutSuspects(target, sources);
      if (others === undefined && !(resumed && maySayAgain && error.code === 'E_VERIFY')) throw error;
      if (others === undefined) maySayAgain = false;
      else ruleOut(target, others, error.message, ports);
      ports.onRetry({ offset: 0, delayMs: 0, reason: error.message });
      target = others ?? target;
      for (const { layer, record } of job.outputs) {
        rmSync(join(layer, 'diff'), { recursive: true, force: true });
        rmSync(join(record, 'tar-split.json.gz'), { force: true });
      }
    }
  }
}

function ruleOut(before: BlobTarget, after: BlobTarget, reason: string, { onFailover }: LayerJobPorts): void {
  const to = after.endpoints[0]?.id ?? 0;
  for (const { id } of before.endpoints)
    if (!after.endpoints.some((left) => left.id === id))
      onFailover({ from: id, to, offset: 0, reason, kind: 'wrong', givesUp: true });
}

async function attempt(
  job: LayerJob,
  { authorize, onRetry, onFailover, signal }: LayerJobPorts,
  onSource: (endpoint: number) => void,
): Promise<ExtractedLayer[]> {
  const extractions: LayerExtraction[] = [];
  const progress = new Float64Array(job.progress);
  progress.fill(0);
  try {
    for (const output of job.outputs)
      extractions.push(extractLayer({ ...output, digest: job.digest, maxPlainBytes: job.maxPlainBytes }));
    await streamBlob({
      target: job.target,
      size: job.size,
      transportFor,
      onChunk(chunk) {
        for (const extraction of extractions) extraction.push(chunk);
        progress[0] = (progress[0] ?? 0) + chunk.length;
        progress[1] = extractions[0]?.plainBytes ?? 0;
      },
      authorize,
      onRetry: ({ offset, delayMs, error }) => onRetry({ offset, delayMs, reason: error.message }),
      onFailover,
      onSource,
      signal,
    });
    return extractions.map((extraction) => extraction.finish());
  } finally {
    for (const extraction of extractions) extraction.close();
  }
}
