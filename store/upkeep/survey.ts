/** Everything small of a data root, read once: what the checks compare with each other. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { parseImageDocument } from '../images/image-document.js';
import { tryLock } from '../linux/flock.js';
import { type ChainId, chainIdOf, type DiffId, digestOf, type ImageId } from '../oci/digest.js';
import type { FileBytes, RootView } from './root-view.js';

/** A layer of an image whose config is what its name says: nothing about it has to be believed. */
export interface KnownLayer {
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  readonly parent: ChainId | undefined;
  /** An image that has it, and the place in its list. */
  readonly image: ImageId;
  readonly index: number;
}

/** The small files of a directory in layerdb, as they are; undefined when absent or odd. */
export interface RawRecord {
  readonly diff: string | undefined;
  readonly parent: string | undefined;
  readonly hasParent: boolean;
  readonly cacheId: string | undefined;
  readonly size: string | undefined;
  readonly hasTarSplit: boolean;
}

/** A directory in overlay2. */
export interface RawDirectory {
  readonly link: string | undefined;
  /** Undefined when it has none. */
  readonly lower: string | undefined;
  readonly hasLower: boolean;
  readonly hasDiff: boolean;
  readonly hasWork: boolean;
  readonly hasCommitted: boolean;
}

export interface RawMount {
  readonly mountId: string | undefined;
  readonly initId: string | undefined;
  readonly parent: string | undefined;
  readonly hasParent: boolean;
}

export interface Survey {
  readonly view: RootView;
  /** A dockerd runs here: what nobody refers to may be what it is working on. */
  readonly isDaemonRunning: boolean;
  /** Images whose config is good. */
  readonly images: ReadonlyMap<ImageId, readonly DiffId[]>;
  readonly badImages: readonly ImageId[];
  readonly known: ReadonlyMap<ChainId, KnownLayer>;
  readonly records: ReadonlyMap<ChainId, RawRecord>;
  readonly directories: ReadonlyMap<string, RawDirectory>;
  /** Name in `l/` to its target, undefined when it is no link. */
  readonly links: ReadonlyMap<string, string | undefined>;
  readonly mounts: ReadonlyMap<string, RawMount>;
}

export const layerDb = 'image/overlay2/layerdb';
export const recordPath = (chainId: ChainId): string => `${layerDb}/sha256/${chainId.slice('sha256:'.length)}`;
export const contentDir = 'image/overlay2/imagedb/content/sha256';
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

export function surveyRoot(view: RootView): Survey {
  const images = readImages(view);
  return {
    view,
    isDaemonRunning: isDaemonRunning(view.root),
    ...images,
    known: knownLayers(images.images),
    records: readRecords(view),
    directories: readDirectories(view),
    links: new Map(view.names('overlay2/l').map((name) => [name, view.link(`overlay2/l/${name}`)])),
    mounts: readMounts(view),
  };
}

/** dockerd holds the lock of its volumes exclusively, our writers share it. */
function isDaemonRunning(root: string): boolean {
  let fd: number;
  try {
    fd = openSync(join(root, 'volumes/metadata.db'), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return false;
    throw error;
  }
  try {
    return !tryLock(fd, 'shared');
  } finally {
    closeSync(fd);
  }
}

function readImages(view: RootView): Pick<Survey, 'images' | 'badImages'> {
  const images = new Map<ImageId, readonly DiffId[]>();
  const badImages: ImageId[] = [];
  for (const hex of view.names(contentDir).filter(isHex)) {
    const id = `sha256:${hex}` as ImageId;
    const bytes = view.read(`${contentDir}/${hex}`, MAX_CONFIG_BYTES);
    const isGood = typeof bytes !== 'string' && (digestOf(bytes) as string) === id;
    const document = isGood ? parseImageDocument(bytes) : undefined;
    // What no reader takes for an image, but is what its name says, is no damage.
    if (document !== undefined) images.set(id, document.diffIds);
    else if (!isGood) badImages.push(id);
  }
  return { images, badImages };
}

function knownLayers(images: Survey['images']): Map<ChainId, KnownLayer> {
  const known = new Map<ChainId, KnownLayer>();
  for (const [image, diffIds] of images) {
    let parent: ChainId | undefined;
    for (const [index, diffId] of diffIds.entries()) {
      const chainId = chainIdOf(diffId, parent);
      known.set(chainId, known.get(chainId) ?? { chainId, diffId, parent, image, index });
      parent = chainId;
    }
  }
  return known;
}

function readRecords(view: RootView): Map<ChainId, RawRecord> {
  const records = new Map<ChainId, RawRecord>();
  for (const hex of view.names(`${layerDb}/sha256`).filter(isHex)) {
    const chainId = `sha256:${hex}` as ChainId;
    const field = (name: string) => view.text(`${recordPath(chainId)}/${name}`);
    records.set(chainId, {
      diff: field('diff'),
      parent: field('parent'),
      hasParent: view.stat(`${recordPath(chainId)}/parent`) !== undefined,
      cacheId: field('cache-id'),
      size: field('size'),
      hasTarSplit: view.stat(`${recordPath(chainId)}/tar-split.json.gz`) !== undefined,
    });
  }
  return records;
}

function readDirectories(view: RootView): Map<string, RawDirectory> {
  const directories = new Map<string, RawDirectory>();
  for (const name of view.names('overlay2')) {
    const path = `overlay2/${name}`;
    if (name === 'l' || !view.isDirectory(path)) continue;
    directories.set(name, {
      link: view.text(`${path}/link`),
      lower: view.text(`${path}/lower`),
      hasLower: view.stat(`${path}/lower`) !== undefined,
      hasDiff: view.isDirectory(`${path}/diff`),
      hasWork: view.isDirectory(`${path}/work`),
      hasCommitted: view.stat(`${path}/committed`) !== undefined,
    });
  }
  return directories;
}

function readMounts(view: RootView): Map<string, RawMount> {
  const mounts = new Map<string, RawMount>();
  for (const id of view.names(`${layerDb}/mounts`)) {
    const path = `${layerDb}/mounts/${id}`;
    if (!view.isDirectory(path)) continue;
    mounts.set(id, {
      mountId: view.text(`${path}/mount-id`)?.trim(),
      initId: view.text(`${path}/init-id`)?.trim(),
      parent: view.text(`${path}/parent`)?.trim(),
      hasParent: view.stat(`${path}/parent`) !== undefined,
    });
  }
  return mounts;
}

export function isHex(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

export function bytesOf(bytes: FileBytes): Buffer | undefined {
  return typeof bytes === 'string' ? undefined : bytes;
}
