/** Manifests that were kept with an image, byte for byte. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { isErrno } from '../../store/errors.js';
import { type Digest, digestOf, hexOf, type ImageId } from '../../store/oci/digest.js';

/** Index and manifest under which the image was pulled; what is not as its name says is left out. */
export function keptDocuments(root: string, id: ImageId): Map<Digest, Buffer> {
  const dir = manifestsDir(root, hexOf(id));
  const documents = new Map<Digest, Buffer>();
  for (const name of namesIn(dir)) {
    const bytes = readFileSync(join(dir, name));
    const digest = digestOf(bytes, name.length === 128 ? 'sha512' : 'sha256');
    if (hexOf(digest) === name) documents.set(digest, bytes);
  }
  return documents;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
