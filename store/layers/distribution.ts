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
import { type DiffId, type Digest, hexOf } from '../oci/digest.js';

/** dockerd keeps no more sources of one layer. */
const MAX_SOURCES = 50;

interface Source {
  Digest: string;
  SourceRepository: string;
  HMAC: string;
}

function distributionFile(root: string, kind: string, hex: string): string {
  return join(root, 'image', 'overlay2', 'distribution', kind, 'sha256', hex);
}

function readSources(path: string): Source[] {
  try {
    const sources: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(sources) ? sources : [];
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return [];
    throw error;
  }
}

/**
 * Notes in a staging directory that `blob` of `repository` (full name, as `docker.io/library/ubuntu`) unpacks to `diffId`.
 * {@link publishSource} makes it known, after a syncfs: these files are not worth a sync of their own. Blobs with other digests than
 * sha256 have no place in this format.
 */
export function stageSource(
  root: string,
  dir: string,
  source: { diffId: DiffId; blob: Digest; repository: string },
): void {
  const { diffId, blob, repository } = source;
  if (!blob.startsWith('sha256:')) return;
  const known = readSources(distributionFile(root, 'v2metadata-by-diffid', hexOf(diffId)));
  const others = known.filter((other) => other.Digest !== blob || other.SourceRepository !== repository);
  const sources = [...others, { Digest: blob, SourceRepository: repository, HMAC: '' }].slice(-MAX_SOURCES);
  writeNewFile(join(dir, `v2metadata-by-diffid-${hexOf(diffId)}`), JSON.stringify(sources), 0o644);
  writeNewFile(join(dir, `diffid-by-digest-${hexOf(blob)}`), diffId, 0o644);
}

/** Moves what {@link stageSource} wrote to its place. Call inside the store's exclusive section. */
export function publishSource(root: string, dir: string): void {
  for (const name of readdirSync(dir)) {
    const match = /^(v2metadata-by-diffid|diffid-by-digest)-([0-9a-f]{64})$/.exec(name);
    if (match?.[1] && match[2]) renameSync(join(dir, name), distributionFile(root, match[1], match[2]));
  }
}
