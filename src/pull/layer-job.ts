/** One blob from the registry into one or more staged layers, in one pass. Runs in a worker thread, or on the main thread for small blobs. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { KnownError } from '../../store/errors.js';
import { openPartialBlob, type PartialBlob } from '../../store/layers/partial-blob.js';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { type ExtractedLayer, extractLayer, type LayerExtraction } from '../../store/tar/extract-layer.js';
import { type BlobTarget, streamBlob } from '../registry/blob-stream.js';
import { openTransport, type Transport } from '../registry/transport.js';

/** Plain data: it travels to a worker thread. */
export interface LayerJob {
  digest: Digest;
  /** Bytes of the blob, from its descriptor. */
  size: number;
  target: BlobTarget;
  /** More than one when an image holds the same blob several times. */
  outputs: { layer: string; record: string; diffId: DiffId }[];
  /** The data root in which the beginning of the blob is kept for a later run; undefined when it is too small for that. */
  keepIn: string | undefined;
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
 * Fetches and unpacks. If the content turns out wrong after the transfer had to be resumed, in this run or after an earlier one, the
 * blob is fetched once more from its start: a registry may have answered for another blob in the middle.
 */
export async function runLayerJob(job: LayerJob, ports: LayerJobPorts): Promise<ExtractedLayer[]> {
  const partial = job.keepIn === undefined ? undefined : openPartialBlob(job.keepIn, job.digest, job.size);
  let resumed = false;
  const onRetry: LayerJobPorts['onRetry'] = (event) => {
    resumed ||= event.offset > 0;
    ports.onRetry(event);
  };
  const onReplay = (bytes: number) => {
    resumed ||= bytes > 0;
  };
  try {
    return await attempt(job, { ...ports, onRetry }, { partial, onReplay });
  } catch (error) {
    if (!isWrongContent(error)) throw error;
    partial?.discard();
    if (!resumed) throw error;
    ports.onRetry({ offset: 0, delayMs: 0, reason: error.message });
    for (const { layer, record } of job.outputs) {
      rmSync(join(layer, 'diff'), { recursive: true, force: true });
      rmSync(join(record, 'tar-split.json.gz'), { force: true });
    }
    return await attempt(job, ports);
  } finally {
    partial?.close();
  }
}

function isWrongContent(error: unknown): error is KnownError {
  return error instanceof KnownError && (error.code === 'E_VERIFY' || error.code === 'E_ARCHIVE');
}

interface Keeping {
  partial: PartialBlob | undefined;
  /** Told how much an earlier run left, as soon as there is any. */
  onReplay: (bytes: number) => void;
}

async function attempt(
  job: LayerJob,
  { authorize, onRetry, signal }: LayerJobPorts,
  keeping?: Keeping,
): Promise<ExtractedLayer[]> {
  const extractions: LayerExtraction[] = [];
  const progress = new Float64Array(job.progress);
  progress.fill(0);
  try {
    for (const output of job.outputs)
      extractions.push(extractLayer({ ...output, digest: job.digest, maxPlainBytes: job.maxPlainBytes }));
    const unpack = (chunk: Buffer) => {
      for (const extraction of extractions) extraction.push(chunk);
      progress[0] = (progress[0] ?? 0) + chunk.length;
      progress[1] = extractions[0]?.plainBytes ?? 0;
    };
    const offset = keeping?.partial?.replay((chunk) => {
      keeping.onReplay(chunk.length);
      unpack(chunk);
    });
    await streamBlob({
      target: job.target,
      size: job.size,
      ...(offset !== undefined && { offset }),
      transport: transportFor(job.target),
      onChunk(chunk) {
        keeping?.partial?.append(chunk);
        unpack(chunk);
      },
      authorize,
      onRetry: ({ offset, delayMs, error }) => onRetry({ offset, delayMs, reason: error.message }),
      signal,
    });
    return extractions.map((extraction) => extraction.finish());
  } finally {
    for (const extraction of extractions) extraction.close();
  }
}
