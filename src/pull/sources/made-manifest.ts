/** A manifest for an image that came without one: what the pull reads of it is the config and the layers. */
import type { Descriptor } from '../../../store/oci/descriptor.js';
import { type Digest, digestOf, parseImageId } from '../../../store/oci/digest.js';
import type { ImageConfig } from '../../../store/oci/image-config.js';
import { dockerConfig, dockerManifest } from '../../../store/oci/media-types.js';
import type { ResolvedImage } from '../resolve-image.js';

const plain = { annotations: {}, platform: undefined };

/** A layer by the digest of its bytes here, which may be that of the unpacked archive. */
export function madeDescriptor(digest: Digest, size: number): Descriptor {
  return { ...plain, mediaType: '', digest, size };
}

export function withMadeManifest(
  configBytes: Buffer,
  config: ImageConfig,
  layers: readonly Descriptor[],
): ResolvedImage {
  const image = digestOf(configBytes);
  return {
    digest: undefined,
    documents: [],
    manifest: {
      kind: 'manifest',
      mediaType: dockerManifest,
      config: { ...plain, mediaType: dockerConfig, digest: image, size: configBytes.length },
      layers,
    },
    config,
    configBytes,
    image: parseImageId(image),
  };
}
