/** Data roots with made-up images, for tests that need no daemon. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomId } from '../../store/fs/random-id.js';
import { openImageDb } from '../../store/images/image-db.js';
import { setTag } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import { layerRecordDir } from '../../store/layers/layer-db.js';
import { type ChainId, chainIdOf, type DiffId, digestOf, type ImageId } from '../../store/oci/digest.js';
import { createLayerDir } from '../../store/overlay2/layer-dir.js';
import { openForWriting } from '../../store/store.js';

export interface MadeImage {
  /** A name for each layer, lowest first; images share layers of the same names. */
  layers: readonly string[];
  /** `name:tag` in familiar form. */
  tags?: readonly string[];
  config?: Record<string, unknown>;
}

/** Records each image with layers that hold one file each. Returns the ids in order. */
export async function makeImages(root: string, images: readonly MadeImage[]): Promise<ImageId[]> {
  using store = await openForWriting(root);
  const cacheIds = new Map<ChainId, string>();
  return store.exclusive(() =>
    images.map(({ layers, tags = [], config = {} }) => {
      const diffIds = layers.map((name) => digestOf(`layer ${name}`) as string as DiffId);
      let parent: ChainId | undefined;
      for (const diffId of diffIds) parent = makeLayer(store.root, cacheIds, diffId, parent);
      const document = { os: 'linux', architecture: 'amd64', ...config, rootfs: { type: 'layers', diff_ids: diffIds } };
      const id = openImageDb(store.root).put(Buffer.from(JSON.stringify(document)));
      updateRepositories(store.root, (names) =>
        tags.reduce(
          (all, key) => setTag(all, key.slice(0, key.lastIndexOf(':')), key.slice(key.lastIndexOf(':') + 1), id),
          names,
        ),
      );
      return id;
    }),
  );
}

function makeLayer(root: string, known: Map<ChainId, string>, diffId: DiffId, parent: ChainId | undefined): ChainId {
  const chainId = chainIdOf(diffId, parent);
  if (known.has(chainId)) return chainId;
  const cacheId = randomId();
  known.set(chainId, cacheId);
  const { diff } = createLayerDir(root, cacheId, parent === undefined ? undefined : known.get(parent));
  writeFileSync(join(diff, 'file'), 'content');
  const dir = layerRecordDir(root, chainId);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const facts = { diff: diffId, size: '7', 'cache-id': cacheId, ...(parent === undefined ? {} : { parent }) };
  for (const [name, text] of Object.entries(facts)) writeFileSync(join(dir, name), text);
  return chainId;
}
