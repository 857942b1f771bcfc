import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { digestOf } from '../../store/oci/digest.js';
import { type ExtractedLayer, extractLayer } from '../../store/tar/extract-layer.js';

export interface ExtractedTo extends ExtractedLayer {
  diff: string;
  record: string;
}

export interface ExtractInput {
  dir: string;
  archive: Buffer;
  /** The blob as it travels; default is the archive itself. */
  blob?: Buffer;
  /** Bytes a push; default the whole blob. */
  chunk?: number;
  maxPlainBytes?: number;
}

/** Unpacks an archive with the production code into `dir`. */
export function extractTo({
  dir,
  archive,
  blob = archive,
  chunk = blob.length,
  maxPlainBytes = 2 ** 40,
}: ExtractInput): ExtractedTo {
  mkdirSync(dir, { recursive: true });
  const diffId = digestOf(archive) as string as DiffId;
  const extraction = extractLayer({ layer: dir, record: dir, digest: digestOf(blob) as Digest, diffId, maxPlainBytes });
  try {
    for (let at = 0; at < blob.length; at += chunk) extraction.push(blob.subarray(at, at + chunk));
    return { ...extraction.finish(), diff: join(dir, 'diff'), record: dir };
  } finally {
    extraction.close();
  }
}

interface SplitLine {
  type: 1 | 2;
  name?: string;
  name_raw?: string;
  size?: number;
  payload: string | null;
  position: number;
}

export function readTarSplit(record: string): SplitLine[] {
  const text = gunzipSync(readFileSync(join(record, 'tar-split.json.gz'))).toString('utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Gives the archive back from what lies on the disk, independently of the code that wrote it. */
export function rebuild({ record, diff }: Pick<ExtractedTo, 'record' | 'diff'>): Buffer {
  const seen = new Set<string>();
  const parts = readTarSplit(record).map((line, at) => {
    if (line.position !== at) throw new Error(`line ${at} says position ${line.position}`);
    if (line.type === 2) return Buffer.from(line.payload ?? '', 'base64');
    const name = line.name_raw === undefined ? Buffer.from(line.name ?? '') : Buffer.from(line.name_raw, 'base64');
    const clean = join('/', name.toString('latin1'));
    if (seen.has(clean)) throw new Error(`${clean} twice`);
    seen.add(clean);
    if (!line.size) return Buffer.alloc(0);
    const content = readFileSync(Buffer.concat([Buffer.from(`${diff}/`), name]));
    if (content.length !== line.size) throw new Error(`${clean}: ${content.length} bytes instead of ${line.size}`);
    return content;
  });
  return Buffer.concat(parts);
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
