/** Images as one archive that docker, podman, skopeo and `tsimage load` take. */
import { bundlePath, bundleText } from '../../../store/archive/bundle-base.js';
import { blobPath } from '../../../store/archive/oci-layout.js';
import { isDataRoot } from '../../../store/data-root.js';
import type { HeldLock } from '../../../store/fs/lock.js';
import { recordUse } from '../../../store/images/last-use.js';
import { holdLayer } from '../../../store/layers/lease.js';
import { type ChainId, chainIdsOf, type Digest } from '../../../store/oci/digest.js';
import { rebuildLayer, rebuiltSize, type StoredLayer } from '../../../store/tar/rebuild-layer.js';
import { endOfArchive, fileHeader, padding } from '../../../store/tar/write-archive.js';
import { readImageIndex } from '../find.js';
import { keptDocuments } from '../kept-documents.js';
import { storedLayers } from '../stored-layers.js';
import { archiveDocuments, type ImageToWrite, type SaveFormat } from './archive-documents.js';
import { type ChosenImage, chooseImages } from './choose-images.js';

export interface SaveOptions {
  root: string;
  /** Names, ids or starts of ids. */
  names: readonly string[];
  format: SaveFormat;
  /** Layers, by their chainIDs, that whoever reads the archive has: they are left out. */
  present?: ReadonlySet<ChainId>;
  signal: AbortSignal;
}

export interface ImageArchive extends Disposable {
  /** Of all images, each once; and those of them that are in the archive. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly isIn: boolean }[];
  /** The archive in pieces, each valid until the next one is asked for. @throws KnownError E_STORE for a damaged layer */
  pieces(): Generator<Buffer, void, undefined>;
}

/**
 * Finds everything that is to be saved; no layer of it is removed by our programs until the end.
 *
 * @throws KnownError E_NO_IMAGE, E_REFERENCE, E_STORE
 */
export async function openImageArchive({ root, names, format, present, signal }: SaveOptions): Promise<ImageArchive> {
  const chosen = chooseImages(readImageIndex(root), names);
  const leases: HeldLock[] = [];
  const release = () => {
    for (const lease of leases) lease.release();
  };
  try {
    // Where none of our programs has written there is nobody to be told.
    if (isDataRoot(root))
      for (const chainId of new Set(chosen.flatMap(({ image }) => chainIdsOf(image.diffIds))))
        leases.push(await holdLayer(root, chainId, 'shared', { signal }));
    for (const { image } of chosen) recordUse(root, image.id);
    const { members, layers } = membersOf(root, chosen, { format, present: present ?? new Set() });
    return { layers, pieces: () => archiveOf(members), [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

interface Member {
  size: number;
  content(): Iterable<Buffer>;
}

function* archiveOf(members: ReadonlyMap<string, Member>): Generator<Buffer, void, undefined> {
  for (const [path, { size, content }] of members) {
    yield fileHeader(path, size);
    yield* content();
    yield padding(size);
  }
  yield endOfArchive;
}

interface Members {
  members: Map<string, Member>;
  layers: ImageArchive['layers'];
}

function membersOf(
  root: string,
  chosen: readonly ChosenImage[],
  { format, present }: { format: SaveFormat; present: ReadonlySet<ChainId> },
): Members {
  const members = new Map<string, Member>();
  const sizes = new Map<Digest, number>();
  const base = new Set<ChainId>();
  const addBytes = (path: string, bytes: Buffer) => members.set(path, { size: bytes.length, content: () => [bytes] });
  const images = chosen.map(({ image, tags, digests }): ImageToWrite => {
    const id = image.id as string as Digest;
    addBytes(blobPath(id), image.bytes);
    const stored = storedLayers(root, image);
    const left = leadingOf(stored, present);
    const uppermost = stored[left - 1];
    if (uppermost !== undefined) base.add(uppermost.chainId);
    const layers = stored.map((layer, at) => {
      const digest = layer.diffId as string as Digest;
      const size = sizes.get(digest) ?? rebuiltSize(layer);
      sizes.set(digest, size);
      if (at >= left) members.set(blobPath(digest), { size, content: () => rebuildLayer(layer) });
      return { digest, size };
    });
    const kept = format === 'oci-archive' ? new Map<Digest, Buffer>() : keptDocuments(root, image.id);
    for (const [digest, bytes] of kept) addBytes(blobPath(digest), bytes);
    const known = digests.filter((key) => kept.has(key.slice(key.indexOf('@') + 1) as Digest));
    return { id, configSize: image.bytes.length, layers, tags, digests: known };
  });
  for (const [path, bytes] of archiveDocuments(images, format)) addBytes(path, bytes);
  if (base.size > 0) addBytes(bundlePath, Buffer.from(bundleText(base)));
  const layers = [...sizes].map(([digest, size]) => ({ digest, size, isIn: members.has(blobPath(digest)) }));
  return { members, layers };
}

/** How many layers from the lowest up need not be there. */
function leadingOf(layers: readonly StoredLayer[], present: ReadonlySet<ChainId>): number {
  const first = layers.findIndex(({ chainId }) => !present.has(chainId));
  return first === -1 ? layers.length : first;
}
