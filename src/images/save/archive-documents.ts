/**
 * The documents around the images of an archive, as `docker save` of Docker 25 and later writes them: an OCI layout of uncompressed
 * layers, and for everybody who knows docker-archives `manifest.json` and `repositories`, which lead into it.
 */

import { blobPath } from '../../../store/archive/oci-layout.js';
import { type Digest, digestOf, hexOf } from '../../../store/oci/digest.js';
import { goJsonString } from '../../../store/oci/go-json.js';
import { ociConfig, ociIndex, ociManifest } from '../../../store/oci/media-types.js';
import { canonicalString, parseReference } from '../../reference.js';

export interface ImageToWrite {
  /** Its id, as the digest of the config. */
  id: Digest;
  /** Bytes of the config. */
  configSize: number;
  /** Lowest first; each with the bytes of its archive. */
  layers: readonly { digest: Digest; size: number }[];
  tags: readonly string[];
  /** `name@digest`, of those whose manifests are in the archive. */
  digests: readonly string[];
}

export type SaveFormat = 'docker-archive' | 'oci-archive';

/** By path, in the order in which they are to be written. */
export function archiveDocuments(images: readonly ImageToWrite[], format: SaveFormat): Map<string, Buffer> {
  const documents = new Map<string, Buffer>();
  const manifests = images.map((image) => {
    const bytes = json(manifestOf(image));
    const digest = digestOf(bytes);
    documents.set(blobPath(digest), bytes);
    return { image, entry: { mediaType: ociManifest, digest, size: bytes.length } };
  });
  const entries = manifests.flatMap(({ image, entry }) => {
    const named = image.tags.map((tag) => ({ ...entry, annotations: annotationsOf(tag) }));
    return named.length === 0 ? [entry] : named;
  });
  documents.set('index.json', json({ schemaVersion: 2, mediaType: ociIndex, manifests: entries }));
  documents.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  if (format === 'oci-archive') return documents;
  documents.set('manifest.json', json(images.map(listing)));
  if (images.some(({ tags }) => tags.length > 0)) documents.set('repositories', Buffer.from(repositories(images)));
  return documents;
}

function manifestOf({ id, configSize, layers }: ImageToWrite) {
  return {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { mediaType: ociConfig, digest: id, size: configSize },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
  };
}

/** The whole name twice: podman and skopeo read the first one, Docker and containerd the other. */
function annotationsOf(tag: string): Record<string, string> {
  const name = canonicalString(parseReference(tag));
  return { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name };
}

/** `RepoDigests` is ours, others pass it over: with the manifests at hand it is what a reader can verify. */
function listing({ id, layers, tags, digests }: ImageToWrite) {
  return {
    Config: blobPath(id),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.map(({ digest }) => blobPath(digest)),
    ...(digests.length > 0 && { RepoDigests: digests }),
  };
}

/** For Docker before 1.10: name → tag → what stands for the top layer. */
function repositories(images: readonly ImageToWrite[]): string {
  const names = new Map<string, string[]>();
  for (const { id, layers, tags } of images) {
    for (const tag of tags) {
      const [name, version] = [tag.slice(0, tag.lastIndexOf(':')), tag.slice(tag.lastIndexOf(':') + 1)];
      const pair = `${goJsonString(version)}:${goJsonString(hexOf(layers.at(-1)?.digest ?? id))}`;
      names.set(name, [...(names.get(name) ?? []), pair]);
    }
  }
  return `{${[...names].map(([name, pairs]) => `${goJsonString(name)}:{${pairs.join(',')}}`).join(',')}}\n`;
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
