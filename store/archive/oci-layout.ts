/**
 * An OCI image layout (image-spec image-layout.md), in a directory or an archive:
 *
 *     oci-layout                {"imageLayoutVersion": "1.0.0"}
 *     index.json                an image index: its entries are the images, by annotations with names
 *     blobs/<alg>/<digits>      indexes, manifests, configs and layers by digest
 */
import { KnownError } from '../errors.js';
import type { FileRange } from '../fs/file-range.js';
import { type Descriptor, verifyBytes, verifyDigest } from '../oci/descriptor.js';
import { algorithmOf, type Digest, hexOf } from '../oci/digest.js';
import { fieldsOf, stringField, wrong } from '../oci/fields.js';
import { maxConfigBytes } from '../oci/image-config.js';
import { maxManifestBytes, parseManifest } from '../oci/manifest.js';
import { ociIndex } from '../oci/media-types.js';
import { parseStrictJson } from '../oci/strict-json.js';
import { printable } from '../printable.js';
import { type DocumentReader, type ImageFiles, missingFile } from './image-files.js';

export interface Layout {
  /** Of `index.json`, in order. */
  readonly entries: readonly Descriptor[];
  /** An index or manifest, verified. */
  manifest(digest: Digest): Buffer;
  /** Verified. */
  config(descriptor: Pick<Descriptor, 'digest' | 'size'>): Buffer;
  /** Not verified: whoever reads it does that. */
  blob(digest: Digest): FileRange;
}

/** @throws KnownError E_ARCHIVE, E_DOCUMENT, E_UNSUPPORTED; the functions of the result also E_VERIFY */
export function openLayout(files: ImageFiles, documents: DocumentReader): Layout {
  if (files.find('oci-layout') === undefined) throw notALayout(files);
  checkVersion(documents.read('oci-layout', 'oci-layout', maxManifestBytes));
  const index = parseManifest(documents.read('index.json', 'index.json', maxManifestBytes), ociIndex);
  if (index.kind !== 'index') throw wrong('index.json', 'is not an index');
  const document = (digest: Digest, what: string, maxBytes: number) =>
    documents.read(blobPath(digest), `${what} ${digest}`, maxBytes);
  return {
    entries: index.manifests,
    manifest(digest) {
      const bytes = document(digest, 'manifest', maxManifestBytes);
      verifyDigest(bytes, digest, 'manifest');
      return bytes;
    },
    config(descriptor) {
      const bytes = document(descriptor.digest, 'image config', maxConfigBytes);
      verifyBytes(bytes, descriptor, 'image config');
      return bytes;
    },
    blob(digest) {
      const range = files.find(blobPath(digest));
      if (range === undefined) throw missingFile(files, blobPath(digest), 'a layer');
      return range;
    },
  };
}

/** Where a blob lies (image-spec image-layout.md, "Blobs"). */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function checkVersion(bytes: Buffer): void {
  const fields = fieldsOf(parseStrictJson(bytes, { what: 'oci-layout', numbers: 'any' }), 'oci-layout', [
    'imageLayoutVersion',
  ]);
  const version = stringField(fields, 'imageLayoutVersion') ?? '';
  if (/^1\.\d+\.\d+$/.test(version)) return;
  throw new KnownError('E_UNSUPPORTED', `the OCI layout has version "${printable(version, 50)}", not 1.0.0`);
}

function notALayout(files: ImageFiles): KnownError {
  const name = printable(files.name, 300);
  const isArchive = files.find('manifest.json') !== undefined;
  return new KnownError('E_ARCHIVE', `"${name}" has no file oci-layout, so it is no OCI layout`, {
    hint: isArchive
      ? `it looks like what docker save writes: write docker-archive:${name}`
      : 'make it by skopeo or umoci',
  });
}
