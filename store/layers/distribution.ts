/**
 * What dockerd remembers of registries: which blob unpacks to which layer, and where a layer can be had. With it a later pull sees
 * "Already exists" and a push can mount layers from another repository. Optional: losing it only costs downloads.
 *
 *     <root>/image/overlay2/distribution/
 *       diffid-by-digest/sha256/<blob digest>       sha256:<diffID>
 *       v2metadata-by-diffid/sha256/<diffID>        [{"Digest","SourceRepository","HMAC"}, …] newest last
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { writeFileDurably } from '../fs/atomic-file.js';
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
 * Records that `blob` of `repository` (full name, as `docker.io/library/ubuntu`) unpacks to `diffId`. Call inside the
 * store's exclusive section. Blobs with other digests than sha256 have no place in this format and are not recorded.
 */
export function recordSource(root: string, diffId: DiffId, blob: Digest, repository: string): void {
  if (!blob.startsWith('sha256:')) return;
  const path = distributionFile(root, 'v2metadata-by-diffid', hexOf(diffId));
  const others = readSources(path).filter((known) => known.Digest !== blob || known.SourceRepository !== repository);
  const sources = [...others, { Digest: blob, SourceRepository: repository, HMAC: '' }].slice(-MAX_SOURCES);
  writeFileDurably(path, JSON.stringify(sources), 0o644);
  writeFileDurably(distributionFile(root, 'diffid-by-digest', hexOf(blob)), diffId, 0o644);
}
