/** Images of another store on this machine, whose layers are unpacked there: a containers-storage, or another data root. */
import type { ForeignLayer } from '../../../store/archive/containers-storage.js';
import type { ConfinedDirectory } from '../../../store/fs/confined-directory.js';
import { readLayer } from '../../../store/layers/layer-db.js';
import type { Descriptor } from '../../../store/oci/descriptor.js';
import { type Digest, digestOf, parseImageId } from '../../../store/oci/digest.js';
import type { ImageConfig } from '../../../store/oci/image-config.js';
import { assertStackable } from '../../../store/oci/manifest.js';
import { dockerConfig, dockerManifest } from '../../../store/oci/media-types.js';
import { rebuiltSize } from '../../../store/tar/rebuild-layer.js';
import { fileOrigin } from '../layer-origin.js';
import type { FoundImage } from './found-image.js';

export interface TreeImages extends Disposable {
  /** Of the store, for messages. */
  readonly name: string;
  readonly found: readonly FoundImage[];
}

export interface TreeImage {
  configBytes: Buffer;
  config: ImageConfig;
  /** Lowest first. */
  layers: readonly ForeignLayer[];
}

/**
 * Layers are named by their diffIDs. How large they are is not asked of those that the data root has already.
 *
 * @param root that they are pulled into
 */
export function describeTreeImage(
  { configBytes, config, layers }: TreeImage,
  root: string,
): Pick<FoundImage, 'resolved' | 'origin'> {
  assertStackable(layers.length);
  const image = digestOf(configBytes);
  const byDigest = new Map(layers.map((layer) => [layer.diffId as string, layer]));
  const sizes = new Map<ForeignLayer, number>();
  const sizeOf = (layer: ForeignLayer) => {
    const size = sizes.get(layer) ?? (readLayer(root, layer.chainId) === undefined ? rebuiltSize(layer.open()) : 0);
    sizes.set(layer, size);
    return size;
  };
  const descriptors = layers.map((layer): Descriptor => {
    const digest = layer.diffId as string as Digest;
    return { ...plain, mediaType: '', digest, size: sizeOf(layer) };
  });
  const resolved = {
    digest: undefined,
    documents: [],
    manifest: {
      kind: 'manifest' as const,
      mediaType: dockerManifest,
      config: { ...plain, mediaType: dockerConfig, digest: image, size: configBytes.length },
      layers: descriptors,
    },
    config,
    configBytes,
    image: parseImageId(image),
  };
  const origin = fileOrigin((digest) => {
    const layer = byDigest.get(digest);
    if (layer === undefined) throw new Error(`the store was asked for a layer ${digest} that it does not have`);
    return { tree: layer.open() };
  });
  return { resolved, origin };
}

const plain = { annotations: {}, platform: undefined };

/** Ends with the directory that they are read from. */
export function imagesOf(dir: ConfinedDirectory, found: readonly FoundImage[]): TreeImages {
  return { name: dir.name, found, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}
