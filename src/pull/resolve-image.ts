/** From a name to verified documents: the manifest for the wanted platform, and its config. */
import { KnownError } from '../../store/errors.js';
import { type Digest, digestOf, type ImageId, parseImageId } from '../../store/oci/digest.js';
import { assertLayersMatch, type ImageConfig, parseImageConfig } from '../../store/oci/image-config.js';
import { type Manifest, maxLayers, parseManifest } from '../../store/oci/manifest.js';
import { hostPlatform, maxIndexDepth, type Platform, selectFromIndex } from '../../store/oci/platform.js';
import type { Reference } from '../reference.js';
import type { RegistryClient } from '../registry/client.js';

export interface ResolvedImage {
  /** What the name stands for in the registry: the index where there is one. Goes into RepoDigests. */
  digest: Digest;
  /** Index (if any) and manifest, byte for byte. */
  documents: { digest: Digest; bytes: Buffer }[];
  manifest: Manifest;
  config: ImageConfig;
  configBytes: Buffer;
  image: ImageId;
}

/** @throws KnownError of the registry, E_PLATFORM, E_DOCUMENT, E_UNSUPPORTED, E_VERIFY */
export async function resolveImage(
  client: RegistryClient,
  { tag, digest }: Pick<Reference, 'tag' | 'digest'>,
  wanted: Platform = hostPlatform(),
): Promise<ResolvedImage> {
  const documents: ResolvedImage['documents'] = [];
  let answer = await client.getManifest(digest ?? tag ?? 'latest');
  const named = answer.digest;
  for (let depth = 0; depth <= maxIndexDepth; depth++) {
    documents.push({ digest: answer.digest, bytes: answer.bytes });
    const document = parseManifest(answer.bytes, answer.mediaType);
    if (document.kind === 'manifest') return withConfig(client, document, { digest: named, documents });
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
  client: RegistryClient,
  manifest: Manifest,
  found: Pick<ResolvedImage, 'digest' | 'documents'>,
): Promise<ResolvedImage> {
  if (manifest.layers.length > maxLayers)
    throw new KnownError(
      'E_UNSUPPORTED',
      `max depth exceeded: the image has ${manifest.layers.length} layers, overlay2 mounts ${maxLayers}`,
    );
  const configBytes = await client.getConfig(manifest.config);
  const config = parseImageConfig(configBytes);
  assertLayersMatch(manifest, config);
  return { ...found, manifest, config, configBytes, image: parseImageId(digestOf(configBytes)) };
}
