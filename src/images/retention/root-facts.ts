/** What a root holds, as far as a decision about its images rests on it. */
import { existsSync } from 'node:fs';
import type { ImageRecord } from '../../../store/images/image-db.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { arrival, lastUseOrArrival } from '../../../store/images/last-use.js';
import { type ImageName, namesByImage } from '../../../store/images/repositories.js';
import { readRepositories } from '../../../store/images/repositories-file.js';
import { type LayerRecord, listLayers, mountParents, readLayer } from '../../../store/layers/layer-db.js';
import { lockPath } from '../../../store/layers/lease.js';
import { type ChainId, chainIdsOf, type ImageId } from '../../../store/oci/digest.js';
import { parseGoTime, unixSeconds } from '../go-time.js';
import { member } from '../image-fields.js';
import { imageUsers } from '../image-users.js';

export interface ImageFacts {
  readonly id: ImageId;
  readonly names: readonly ImageName[];
  /** Seconds since 1970, by its config. */
  readonly created: number;
  /** Milliseconds since 1970: when it came to this root, and when it was used here last. */
  readonly arrived: number;
  readonly lastUsed: number;
  /** Lowest first. */
  readonly chain: readonly ChainId[];
  readonly parent: ImageId | undefined;
  /** A container that stands on it. */
  readonly user: string | undefined;
}

export interface RootFacts {
  readonly images: readonly ImageFacts[];
  readonly layers: ReadonlyMap<ChainId, Pick<LayerRecord, 'size' | 'parent'>>;
  /** Layers that containers stand on. */
  readonly mounts: readonly ChainId[];
  /** Our programs brought them, and nothing stands on them: something was killed. Uppermost first. */
  readonly lost: readonly ChainId[];
}

/** Reads without a lock: what others change meanwhile is looked at again before anything is removed. */
export function readRootFacts(root: string): RootFacts {
  const db = openImageDb(root);
  const names = namesByImage(readRepositories(root));
  const users = new Map(imageUsers(root).map(({ image, containerId }) => [image, containerId]));
  const layers = new Map(listLayers(root).flatMap((chainId) => withRecord(root, chainId)));
  const mounts = mountParents(root).map(({ parent }) => parent);
  const images = db.list().map(
    (image): ImageFacts =>
      factsOf(root, image, {
        names: names.get(image.id) ?? [],
        parent: db.parent(image.id),
        user: users.get(image.id),
      }),
  );
  const held = new Set([...images.flatMap(({ chain }) => chain), ...mounts.flatMap((top) => chainOf(layers, top))]);
  return { images, layers, mounts, lost: lostLayers(root, layers, held) };
}

function withRecord(root: string, chainId: ChainId): [ChainId, LayerRecord][] {
  const record = readLayer(root, chainId);
  return record === undefined ? [] : [[chainId, record]];
}

function factsOf(root: string, image: ImageRecord, rest: Pick<ImageFacts, 'names' | 'parent' | 'user'>): ImageFacts {
  return {
    id: image.id,
    created: unixSeconds(parseGoTime(member(image.document, 'created'))),
    arrived: arrival(root, image.id),
    lastUsed: lastUseOrArrival(root, image.id),
    chain: chainIdsOf(image.diffIds),
    ...rest,
  };
}

/** The layer and those below it, uppermost first, as far as they are there. */
export function chainOf(layers: RootFacts['layers'], top: ChainId): ChainId[] {
  const chain = new Set<ChainId>();
  let next: ChainId | undefined = top;
  // A damaged root may have layers that stand on each other.
  while (next !== undefined && layers.has(next) && !chain.has(next)) {
    chain.add(next);
    next = layers.get(next)?.parent;
  }
  return [...chain];
}

/**
 * Only those that have a lock of ours: dockerd's builder knows layers that no image names. What stands below one that must stay does so
 * as well.
 */
function lostLayers(root: string, layers: RootFacts['layers'], held: ReadonlySet<ChainId>): ChainId[] {
  const free = [...layers.keys()].filter((chainId) => !held.has(chainId));
  const staying = new Set(
    free.filter((chainId) => !existsSync(lockPath(root, chainId))).flatMap((chainId) => chainOf(layers, chainId)),
  );
  const depth = (chainId: ChainId) => chainOf(layers, chainId).length;
  return free.filter((chainId) => !staying.has(chainId)).sort((a, b) => depth(b) - depth(a));
}
