/**
 * Where the blob of a layer, or the config of an image, can be had again: what tspull remembers of the layer; manifests that it keeps; or
 * the manifests that a registry has under the digests by which the images are known.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { isErrno, KnownError } from '../../store/errors.js';
import type { Repositories } from '../../store/images/repositories.js';
import { readLayerMemo } from '../../store/layers/layer-memo.js';
import type { Descriptor } from '../../store/oci/descriptor.js';
import {
  type ChainId,
  chainIdsOf,
  type DiffId,
  type Digest,
  digestOf,
  hexOf,
  type ImageId,
  isDigest,
} from '../../store/oci/digest.js';
import { type Manifest, parseManifest } from '../../store/oci/manifest.js';
import { parseReference, type Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';

/** A repository, by any reference to it. */
export type Repository = Pick<Reference, 'domain' | 'path'>;

export interface BlobSource {
  repository: Repository;
  blob: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>;
}

export interface SourceContext {
  root: string;
  names: Repositories;
  images: ReadonlyMap<ImageId, readonly DiffId[]>;
  /** Kept open for the whole repair. */
  clientFor(repository: Repository): RegistryClient;
}

/** Best first; each is looked for only when those before it have failed. */
export async function* layerSources(chainId: ChainId, context: SourceContext): AsyncGenerator<BlobSource> {
  const memo = readLayerMemo(context.root, chainId)?.source;
  if (memo !== undefined) {
    const { blob: digest, blobSize: size, mediaType, repository } = memo;
    yield { repository: parseReference(repository), blob: { digest, size, mediaType } };
  }
  for (const [image, diffIds] of context.images) {
    const index = chainIdsOf(diffIds).indexOf(chainId);
    if (index < 0) continue;
    for await (const { repository, manifest } of manifestsOf(image, context)) {
      const blob = manifest.layers[index];
      if (blob !== undefined && manifest.layers.length === diffIds.length) yield { repository, blob };
    }
  }
}

export interface ManifestSource {
  repository: Repository;
  manifest: Manifest;
  /** The manifest, and the index that lists it. */
  documents: { digest: Digest; bytes: Buffer }[];
}

/** Manifests of the very image, in each repository that it has a name of. */
export async function* manifestsOf(
  image: ImageId,
  context: SourceContext,
  { kept = true } = {},
): AsyncGenerator<ManifestSource> {
  const names = namesOf(image, context.names);
  for (const document of kept ? keptManifests(context.root, image) : []) {
    const manifest = asManifest(document.bytes, image);
    if (manifest === undefined) continue;
    for (const repository of names) yield { repository, manifest, documents: [document] };
  }
  for (const repository of names) {
    if (repository.digest === undefined) continue;
    const client = context.clientFor(repository);
    const named = await client.getManifest(repository.digest);
    const documents = [{ digest: named.digest, bytes: named.bytes }];
    const manifest = asManifest(named.bytes, image, named.mediaType);
    if (manifest !== undefined) yield { repository, manifest, documents };
    else yield* listedManifests(client, { named, documents, repository, image });
  }
}

async function* listedManifests(
  client: RegistryClient,
  of: {
    named: { bytes: Buffer; mediaType: string | undefined };
    documents: ManifestSource['documents'];
    repository: Repository;
    image: ImageId;
  },
): AsyncGenerator<ManifestSource> {
  const index = parseManifest(of.named.bytes, of.named.mediaType);
  if (index.kind !== 'index') return;
  for (const { digest } of index.manifests) {
    const { bytes, mediaType } = await client.getManifest(digest);
    const manifest = asManifest(bytes, of.image, mediaType);
    if (manifest === undefined) continue;
    yield { repository: of.repository, manifest, documents: [...of.documents, { digest, bytes }] };
  }
}

function asManifest(bytes: Buffer, image: ImageId, mediaType?: string): Manifest | undefined {
  try {
    const document = parseManifest(bytes, mediaType);
    return document.kind === 'manifest' && (document.config.digest as string) === image ? document : undefined;
  } catch (error) {
    if (error instanceof KnownError) return undefined;
    throw error;
  }
}

/** Digests first: what they name does not change. */
function namesOf(image: ImageId, names: Repositories): Reference[] {
  const keys = [...names.values()].flatMap((all) => [...all].filter(([, id]) => id === image).map(([key]) => key));
  const references = keys.flatMap((key) => {
    try {
      return [parseReference(key)];
    } catch (error) {
      if (error instanceof KnownError) return [];
      throw error;
    }
  });
  return references.sort((a, b) => Number(b.digest !== undefined) - Number(a.digest !== undefined));
}

function keptManifests(root: string, image: ImageId): ManifestSource['documents'] {
  const dir = manifestsDir(root, hexOf(image));
  try {
    return readdirSync(dir).flatMap((name) => {
      const bytes = readFileSync(join(dir, name));
      const digest = `${name.length === 128 ? 'sha512' : 'sha256'}:${name}`;
      return isDigest(digest) && digestOf(bytes, name.length === 128 ? 'sha512' : 'sha256') === digest
        ? [{ digest, bytes }]
        : [];
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
