/** One blob from a registry or a file into one or more staged layers, in one pass. Runs in a worker thread, or on the main thread for small blobs. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { KnownError } from '../../store/errors.js';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { type ExtractedLayer, extractLayer, type LayerExtraction } from '../../store/tar/extract-layer.js';
import { type BlobTarget, streamBlob } from '../registry/blob-stream.js';
import { openTransport, type Transport } from '../registry/transport.js';
import { streamFile } from './file-body.js';
import type { LayerBody } from './layer-origin.js';

/** Plain data: it travels to a worker thread. */
export interface LayerJob {
  digest: Digest;
  /** Bytes of the blob, from its descriptor. */
  size: number;
  target: LayerBody;
  /** More than one when an image holds the same blob several times. */
  outputs: { layer: string; record: string; diffId: DiffId }[];
  maxPlainBytes: number;
  /** Two 64-bit floats that the job keeps current: bytes of the blob, bytes unpacked. */
  progress: SharedArrayBuffer;
}

export interface LayerJobPorts {
  authorize: (wwwAuthenticate: string, rejected?: string) => Promise<string | undefined>;
  onRetry: (event: { offset: number; delayMs: number; reason: string }) => void;
  signal: AbortSignal;
}

let transport: { key: string; open: Transport } | undefined;

/** Connections are kept between the jobs of a thread. */
function transportFor(target: BlobTarget): Transport {
  const key = JSON.stringify(target.transport);
  if (transport?.key !== key) {
    transport?.open.close();
    transport = { key, open: openTransport(target.transport) };
  }
  return transport.open;
}

/** Lets go of this thread's connections. */
export function closeJobTransport(): void {
  transport?.open.close();
  transport = undefined;
}

/**
 * Fetches and unpacks. If the digest turns out wrong after the transfer had to be resumed, the blob is fetched once more from
 * its start: a registry may have answered for another blob in the middle.
 */
export async function runLayerJob(job: LayerJob, ports: LayerJobPorts): Promise<ExtractedLayer[]> {
  let resumed = false;
  const onRetry: LayerJobPorts['onRetry'] = (event) => {
    resumed ||= event.offset > 0;
    ports.onRetry(event);
  };
  try {
    return await attempt(job, { ...ports, onRetry });
  } catch (error) {
    if (!resumed || !(error instanceof KnownError) || error.code !== 'E_VERIFY') throw error;
    ports.onRetry({ offset: 0, delayMs: 0, reason: error.message });
    for (const { layer, record } of job.outputs) {
      rmSync(join(layer, 'diff'), { recursive: true, force: true });
      rmSync(join(record, 'tar-split.json.gz'), { force: true });
    }
    return await attempt(job, ports);
  }
}

async function attempt(job: LayerJob, { authorize, onRetry, signal }: LayerJobPorts): Promise<ExtractedLayer[]> {
  const extractions: LayerExtraction[] = [];
  const progress = new Float64Array(job.progress);
  progress.fill(0);
  try {
    const { target, size, maxPlainBytes } = job;
    const digest = 'range' in target ? target.digest : job.digest;
    for (const output of job.outputs) extractions.push(extractLayer({ ...output, digest, maxPlainBytes }));
    const onChunk = (chunk: Buffer) => {
      for (const extraction of extractions) extraction.push(chunk);
      progress[0] = (progress[0] ?? 0) + chunk.length;
      progress[1] = extractions[0]?.plainBytes ?? 0;
    };
    if ('range' in target) await streamFile({ range: target.range, size, onChunk, signal });
    else
      await streamBlob({
        target,
        size,
        transport: transportFor(target),
        onChunk,
        authorize,
        onRetry: ({ offset, delayMs, error }) => onRetry({ offset, delayMs, reason: error.message }),
        signal,
      });
    return extractions.map((extraction) => extraction.finish());
  } finally {
    for (const extraction of extractions) extraction.close();
  }
}
