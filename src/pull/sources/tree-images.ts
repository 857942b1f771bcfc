/** Images of another store on this machine, whose layers are unpacked there: a containers-storage, or another data root. */
import type { ForeignLayer } from '../../../store/archive/containers-storage.js';
import type { ConfinedDirectory } from '../../../store/fs/confined-directory.js';
import { readLayer } from '../../../store/layers/layer-db.js';
import type { Descriptor } from '../../../store/oci/descriptor.js';
import { type ChainId, type Digest, digestOf, parseImageId } from '../../../store/oci/digest.js';
import type { ImageConfig } from '../../../store/oci/image-config.js';
import { assertStackable } from '../../../store/oci/manifest.js';
import { dockerConfig, dockerManifest } from '../../../store/oci/media-types.js';
import { rebuiltSize, type StoredLayer } from '../../../store/tar/rebuild-layer.js';
import { fileOrigin } from '../layer-origin.js';
import type { ResolvedImage } from '../resolve-image.js';
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

type Describe = (image: TreeImage) => Pick<FoundImage, 'resolved' | 'origin'>;

/**
 * Layers are named by their diffIDs. How large they are is not asked of those that the data root has already; what images share
 * is opened once.
 *
 * @param root that they are pulled into
 */
export function treeImageDescriber(root: string): Describe {
  const opened = new Map<ChainId, StoredLayer>();
  const open = (layer: ForeignLayer): StoredLayer => {
    const stored = opened.get(layer.chainId) ?? layer.open();
    opened.set(layer.chainId, stored);
    return stored;
  };
  const sizes = new Map<ChainId, number>();
  const sizeOf = (layer: ForeignLayer): number => {
    const { chainId } = layer;
    const size = sizes.get(chainId) ?? (readLayer(root, chainId) === undefined ? rebuiltSize(open(layer)) : 0);
    sizes.set(chainId, size);
    return size;
  };
  return ({ configBytes, config, layers }) => {
    assertStackable(layers.length);
    const image = digestOf(configBytes);
    const byDigest = new Map(layers.map((layer) => [layer.diffId as string, layer]));
    const descriptors = layers.map((layer): Descriptor => {
      const digest = layer.diffId as string as Digest;
      return { ...plain, mediaType: '', digest, size: sizeOf(layer) };
    });
    const resolved: ResolvedImage = {
      digest: undefined,
      documents: [],
      manifest: {
        kind: 'manifest',
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
      return { tree: open(layer) };
    });
    return { resolved, origin };
  };
}

const plain = { annotations: {}, platform: undefined };

/** Ends with the directory that they are read from. */
export function imagesOf(dir: ConfinedDirectory, found: readonly FoundImage[]): TreeImages {
  return { name: dir.name, found, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}
