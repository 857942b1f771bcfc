/**
 * What dockerd remembers of registries: which blob unpacks to which layer, and where a layer can be had. With it a later pull sees
 * "Already exists" and a push can mount layers from another repository. Optional: losing it only costs downloads.
 *
 *     <root>/image/overlay2/distribution/
 *       diffid-by-digest/sha256/<blob digest>       sha256:<diffID>
 *       v2metadata-by-diffid/sha256/<diffID>        [{"Digest","SourceRepository","HMAC"}, …] newest last
 */
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { writeNewFile } from '../fs/exact-mode.js';
import { type DiffId, type Digest, hexOf, isDigest } from '../oci/digest.js';

/** dockerd keeps no more sources of one layer. */
const MAX_SOURCES = 50;

interface Source {
  Digest: Digest;
  SourceRepository: string;
  HMAC: string;
}

function isSource(value: unknown): value is Source {
  const { Digest: blob, SourceRepository: repository } = (value ?? {}) as Partial<Record<string, unknown>>;
  return isDigest(blob) && typeof repository === 'string';
}

function distributionFile(root: string, kind: string, hex: string): string {
  return join(root, 'image', 'overlay2', 'distribution', kind, 'sha256', hex);
}

function readSources(path: string): Source[] {
  try {
    const sources: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(sources) ? sources.filter(isSource) : [];
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Where a layer can be had. */
export interface LayerSource {
  readonly blob: Digest;
  /** Full name, as `docker.io/library/ubuntu`. */
  readonly repository: string;
}

/** As far as is known, newest first. */
export function sourcesOf(root: string, diffId: DiffId): LayerSource[] {
  const sources = readSources(distributionFile(root, 'v2metadata-by-diffid', hexOf(diffId)));
  return sources.reverse().map((source) => ({ blob: source.Digest, repository: source.SourceRepository }));
}

function withSource(root: string, { diffId, blob, repository }: LayerSource & { diffId: DiffId }): Source[] {
  const known = readSources(distributionFile(root, 'v2metadata-by-diffid', hexOf(diffId)));
  const others = known.filter((other) => other.Digest !== blob || other.SourceRepository !== repository);
  return [...others, { Digest: blob, SourceRepository: repository, HMAC: '' }].slice(-MAX_SOURCES);
}

/**
 * Notes in a staging directory that `blob` of `repository` (full name, as `docker.io/library/ubuntu`) unpacks to `diffId`.
 * {@link publishSource} makes it known, after a syncfs: these files are not worth a sync of their own. Blobs with other digests than
 * sha256 have no place in this format.
 */
export function stageSource(root: string, dir: string, source: LayerSource & { diffId: DiffId }): void {
  const { diffId, blob } = source;
  if (!blob.startsWith('sha256:')) return;
  const sources = JSON.stringify(withSource(root, source));
  writeNewFile(join(dir, `v2metadata-by-diffid-${hexOf(diffId)}`), sources, 0o644);
  writeNewFile(join(dir, `diffid-by-digest-${hexOf(blob)}`), diffId, 0o644);
}

/** Moves what {@link stageSource} wrote to its place. Call inside the store's exclusive section. */
export function publishSource(root: string, dir: string): void {
  for (const name of readdirSync(dir)) {
    const match = /^(v2metadata-by-diffid|diffid-by-digest)-([0-9a-f]{64})$/.exec(name);
    if (match?.[1] && match[2]) renameSync(join(dir, name), distributionFile(root, match[1], match[2]));
  }
}
