/** One blob from a registry or a file into one or more staged layers, in one pass. Runs in a worker thread, or on the main thread for small blobs. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../../store/fs/remove-tree.js';
import { openPartialBlob, type PartialBlob } from '../../store/layers/partial-blob.js';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { type ExtractedLayer, extractLayer, type LayerExtraction } from '../../store/tar/extract-layer.js';
import { streamBlob } from '../registry/blob-stream.js';
import { type BlobChallenge, type BlobFailover, type BlobTarget, withoutSuspects } from '../registry/blob-target.js';
import { isWrongContent } from '../registry/failure-kind.js';
import type { RateLimit } from '../registry/rate-limit.js';
import type { TransportSettings } from '../registry/settings.js';
import { openTransport, type Transport } from '../registry/transport.js';
import { LayerClock, LayerCounters } from './layer-counters.js';
import { isLocal, type LayerBody } from './layer-origin.js';
import { streamLocal } from './local-body.js';

/** Plain data: it travels to a worker thread. */
export interface LayerJob {
  digest: Digest;
  /** Bytes of the blob, from its descriptor. */
  size: number;
  target: LayerBody;
  /** More than one when an image holds the same blob several times. */
  outputs: { layer: string; record: string; diffId: DiffId }[];
  /** The data root in which the beginning of the blob is kept for a later run; undefined when it is too small for that. */
  keepIn: string | undefined;
  maxPlainBytes: number;
  network: NetworkUse;
  /** Of {@link LayerCounters}, which the job keeps current. */
  progress: SharedArrayBuffer;
}

/** How blobs are asked for. Plain data. */
export interface NetworkUse {
  /** Of all connections together. */
  rate: RateLimit | undefined;
  /** For one blob at the same time. */
  connections: number;
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
 * may have answered for another blob in the middle. Bytes that an earlier run left are the first to be suspected.
 */
export async function runLayerJob(job: LayerJob, ports: LayerJobPorts): Promise<ExtractedLayer[]> {
  const { target, keepIn } = job;
  const partial = keepIn === undefined || isLocal(target) ? undefined : openPartialBlob(keepIn, job.digest, job.size);
  try {
    return await untilRight(job, ports, partial);
  } finally {
    partial?.close();
  }
}

async function untilRight(
  job: LayerJob,
  ports: LayerJobPorts,
  partial: PartialBlob | undefined,
): Promise<ExtractedLayer[]> {
  let { target, network } = job;
  let maySayAgain = true;
  for (;;) {
    const seen: Seen = { replayed: 0, resumed: false, sources: new Set() };
    try {
      return await attempt({ ...job, target, network }, ports, { partial, seen });
    } catch (error) {
      if (!isWrongContent(error)) throw error;
      partial?.discard();
      if (isLocal(target)) throw error;
      // Ranges may have been answered wrongly; that is found out first, without them.
      if (network.connections > 1) network = { ...network, connections: 1 };
      else if (seen.replayed === 0) {
        const others = withoutSuspects(target, seen.sources);
        if (others === undefined && !(seen.resumed && maySayAgain)) throw error;
        if (others === undefined) maySayAgain = false;
        else ruleOut(target, others, error.message, ports);
        target = others ?? target;
      }
      ports.onRetry({ offset: 0, delayMs: 0, reason: error.message });
      for (const { layer, record } of job.outputs) {
        removeTree(join(layer, 'diff'));
        rmSync(join(record, 'tar-split.json.gz'), { force: true });
      }
    }
  }
}

/** Where the bytes of one attempt came from. */
interface Seen {
  /** Bytes that an earlier run had left. */
  replayed: number;
  resumed: boolean;
  /** Ids of endpoints. */
  sources: Set<number>;
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
  { partial, seen }: { partial: PartialBlob | undefined; seen: Seen },
): Promise<ExtractedLayer[]> {
  const extractions: LayerExtraction[] = [];
  const counters = new LayerCounters(job.progress);
  counters.restart();
  const clock = new LayerClock(counters);
  try {
    const { target, size, maxPlainBytes } = job;
    const digest = isLocal(target) ? ('range' in target ? target.digest : undefined) : job.digest;
    for (const output of job.outputs) extractions.push(extractLayer({ ...output, digest, maxPlainBytes }));
    const applied = () => extractions.reduce((sum, { appliedMs }) => sum + appliedMs, 0);
    let source: number | undefined;
    const unpack = (chunk: Buffer) => {
      clock.received();
      const before = applied();
      for (const extraction of extractions) extraction.push(chunk);
      clock.worked(applied() - before);
      counters.add('current', chunk.length);
      counters.set('unpacked', extractions[0]?.plainBytes ?? 0);
      if (source !== undefined) counters.addFrom(source, chunk.length);
    };
    if (isLocal(target)) await streamLocal({ body: target, size, onChunk: unpack, signal });
    else {
      partial?.replay((chunk) => {
        seen.replayed += chunk.length;
        unpack(chunk);
      });
      await streamBlob({
        target,
        size,
        offset: seen.replayed,
        transportFor,
        ...job.network,
        onChunk(chunk) {
          partial?.append(chunk);
          unpack(chunk);
        },
        authorize,
        onRetry({ offset, delayMs, error }) {
          seen.resumed ||= offset > 0;
          onRetry({ offset, delayMs, reason: error.message });
        },
        onFailover,
        onSource(endpoint) {
          source = endpoint;
          seen.sources.add(endpoint);
        },
        onPhase: (phase, ms) => counters.add(phase, ms),
        signal,
      });
    }
    const began = performance.now();
    const layers = extractions.map((extraction) => extraction.finish());
    counters.add('applyMs', performance.now() - began);
    return layers;
  } finally {
    for (const extraction of extractions) extraction.close();
  }
}
