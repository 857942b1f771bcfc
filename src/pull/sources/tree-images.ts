/** Images of another store on this machine, whose layers are unpacked there: a containers-storage, or another data root. */
import type { ForeignLayer } from '../../../store/archive/containers-storage.js';
import type { ConfinedDirectory } from '../../../store/fs/confined-directory.js';
import { readLayer } from '../../../store/layers/layer-db.js';
import type { Descriptor } from '../../../store/oci/descriptor.js';
import type { ChainId, Digest } from '../../../store/oci/digest.js';
import type { ImageConfig } from '../../../store/oci/image-config.js';
import { assertStackable } from '../../../store/oci/manifest.js';
import { rebuiltSize, type StoredLayer } from '../../../store/tar/rebuild-layer.js';
import { fileOrigin } from '../layer-origin.js';
import type { FoundImage } from './found-image.js';
import { madeDescriptor, withMadeManifest } from './made-manifest.js';

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
    const byDigest = new Map(layers.map((layer) => [layer.diffId as string, layer]));
    const descriptors = layers.map((layer): Descriptor => {
      const digest = layer.diffId as string as Digest;
      return madeDescriptor(digest, sizeOf(layer));
    });
    const resolved = withMadeManifest(configBytes, config, descriptors);
    const origin = fileOrigin((digest) => {
      const layer = byDigest.get(digest);
      if (layer === undefined) throw new Error(`the store was asked for a layer ${digest} that it does not have`);
      return { tree: open(layer) };
    });
    return { resolved, origin };
  };
}

/** Ends with the directory that they are read from. */
export function imagesOf(dir: ConfinedDirectory, found: readonly FoundImage[]): TreeImages {
  return { name: dir.name, found, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}
