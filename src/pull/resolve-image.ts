/** From a name to verified documents: the manifest for the wanted platform, and its config. */
import { KnownError } from '../../store/errors.js';
import { type Digest, digestOf, type ImageId, parseImageId } from '../../store/oci/digest.js';
import { assertLayersMatch, type ImageConfig, parseImageConfig } from '../../store/oci/image-config.js';
import { type Manifest, parseManifest } from '../../store/oci/manifest.js';
import { hostPlatform, maxIndexDepth, type Platform, selectFromIndex } from '../../store/oci/platform.js';
import type { Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';

export interface ResolvedImage {
  /** What the name stands for: the index where there is one; undefined for a docker-archive, which has no manifests. */
  digest: Digest | undefined;
  /** Index (if any) and manifest, byte for byte. */
  documents: { digest: Digest; bytes: Buffer }[];
  manifest: Manifest;
  config: ImageConfig;
  configBytes: Buffer;
  image: ImageId;
}

/** Found by a manifest. */
export interface ManifestImage extends ResolvedImage {
  digest: Digest;
  /** Of the image's own manifest, which the index names. */
  manifestDigest: Digest;
}

/** Where documents are: a registry, or a layout on the disk. */
export type DocumentSource = Pick<RegistryClient, 'getManifest' | 'getConfig'>;

/** @throws KnownError of the source, E_PLATFORM, E_DOCUMENT, E_UNSUPPORTED, E_VERIFY */
export async function resolveImage(
  client: DocumentSource,
  { tag, digest }: Pick<Reference, 'tag' | 'digest'>,
  wanted: Platform = hostPlatform(),
): Promise<ManifestImage> {
  const documents: ResolvedImage['documents'] = [];
  let answer = await client.getManifest(digest ?? tag ?? 'latest');
  const named = answer.digest;
  for (let depth = 0; depth <= maxIndexDepth; depth++) {
    documents.push({ digest: answer.digest, bytes: answer.bytes });
    const document = parseManifest(answer.bytes, answer.mediaType);
    if (document.kind === 'manifest')
      return withConfig(client, document, { digest: named, manifestDigest: answer.digest, documents });
    const child = selectFromIndex(document, wanted);
    answer = await client.getManifest(child.digest);
    if (answer.bytes.length !== child.size)
      throw new KnownError(
        'E_VERIFY',
        `manifest ${child.digest} has ${answer.bytes.length} bytes, not the ${child.size} of its index`,
      );
  }
  throw new KnownError('E_DOCUMENT', `more than ${maxIndexDepth} indexes are nested in each other`);
}

async function withConfig(
  client: DocumentSource,
  manifest: Manifest,
  found: Pick<ManifestImage, 'digest' | 'manifestDigest' | 'documents'>,
): Promise<ManifestImage> {
  const configBytes = await client.getConfig(manifest.config);
  const config = parseImageConfig(configBytes);
  assertLayersMatch(manifest, config);
  return { ...found, manifest, config, configBytes, image: parseImageId(digestOf(configBytes)) };
}
