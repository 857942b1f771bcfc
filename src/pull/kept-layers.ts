/** The blobs of an image that is here, from the manifest that was kept with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { isErrno } from '../../store/errors.js';
import type { Descriptor } from '../../store/oci/descriptor.js';
import { hexOf, type ImageId } from '../../store/oci/digest.js';
import { parseManifest } from '../../store/oci/manifest.js';

/** Undefined where none was kept: an image of dockerd, or out of an archive. */
export function keptLayers(root: string, image: ImageId): readonly Descriptor[] | undefined {
  for (const bytes of keptDocuments(manifestsDir(root, hexOf(image)))) {
    const document = parseManifest(bytes, undefined);
    if (document.kind === 'manifest') return document.layers;
  }
  return undefined;
}

function keptDocuments(dir: string): Buffer[] {
  try {
    return readdirSync(dir).map((name) => readFileSync(join(dir, name)));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
