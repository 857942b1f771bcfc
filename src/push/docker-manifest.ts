/** The manifest that Docker makes of an image: version 2, schema 2, with the same bytes for the same layers. */
import { type Digest, digestOf } from '../../store/oci/digest.js';
import { dockerConfig, dockerManifest } from '../../store/oci/media-types.js';

export interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

export interface PushedManifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const layerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

/** @param layers the lowest first, compressed by gzip */
export function dockerManifestOf(config: Blob, layers: readonly Blob[]): PushedManifest {
  const document = {
    schemaVersion: 2,
    mediaType: dockerManifest,
    config: { mediaType: dockerConfig, size: config.size, digest: config.digest },
    layers: layers.map(({ size, digest }) => ({ mediaType: layerType, size, digest })),
  };
  // Go's indentation is the same, and nothing here is escaped.
  const bytes = Buffer.from(JSON.stringify(document, null, 3));
  return { digest: digestOf(bytes), bytes, mediaType: dockerManifest };
}
