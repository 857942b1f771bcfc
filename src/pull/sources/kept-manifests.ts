/**
 * The digests under which an image was pulled once, from an archive of `tsimage save`: it has the manifests themselves, so nothing has
 * to be believed. A name counts when its digest is that of a manifest of this very image, or of an index that lists one.
 */
import type { DocumentReader, ImageFiles } from '../../../store/archive/image-files.js';
import { blobPath } from '../../../store/archive/oci-layout.js';
import { verifyDigest } from '../../../store/oci/descriptor.js';
import type { Digest, ImageId } from '../../../store/oci/digest.js';
import { maxManifestBytes, parseManifest } from '../../../store/oci/manifest.js';
import { familiarName, parseReference } from '../../reference.js';
import type { NewName } from '../commit-image.js';
import type { ResolvedImage } from '../resolve-image.js';

export interface KeptManifests {
  names: NewName[];
  documents: ResolvedImage['documents'];
}

interface Archive {
  files: ImageFiles;
  documents: DocumentReader;
}

/** @throws KnownError E_VERIFY, E_DOCUMENT, E_REFERENCE for an archive that contradicts itself */
export function keptManifests(archive: Archive, digests: readonly string[], image: ImageId): KeptManifests {
  const names: NewName[] = [];
  const documents = new Map<Digest, Buffer>();
  for (const text of digests) {
    const reference = parseReference(text);
    const { digest } = reference;
    const found = digest === undefined ? undefined : pathTo(archive, digest, image);
    if (digest === undefined || found === undefined) continue;
    names.push({ name: familiarName(reference), digest });
    for (const document of found) documents.set(document.digest, document.bytes);
  }
  return { names, documents: [...documents].map(([digest, bytes]) => ({ digest, bytes })) };
}

/** The document, and the manifest that it lists where it is an index; undefined when neither is of this image. */
function pathTo(archive: Archive, digest: Digest, image: ImageId): ResolvedImage['documents'] | undefined {
  const named = readManifest(archive, digest);
  if (named === undefined) return undefined;
  const { bytes, document } = named;
  const own = { digest, bytes };
  if (document.kind === 'manifest') return isOf(document, image) ? [own] : undefined;
  for (const entry of document.manifests) {
    const listed = readManifest(archive, entry.digest);
    if (listed?.document.kind === 'manifest' && isOf(listed.document, image))
      return [own, { digest: entry.digest, bytes: listed.bytes }];
  }
  return undefined;
}

const isOf = ({ config }: { config: { digest: Digest } }, image: ImageId): boolean =>
  (config.digest as string) === image;

function readManifest({ files, documents }: Archive, digest: Digest) {
  const path = blobPath(digest);
  if (files.find(path) === undefined) return undefined;
  const bytes = documents.read(path, `manifest ${digest}`, maxManifestBytes);
  verifyDigest(bytes, digest, 'manifest');
  return { bytes, document: parseManifest(bytes, undefined) };
}
