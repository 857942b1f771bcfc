/**
 * How much room layers take once they are unpacked, as far as that can be known before a byte of them has come: their compressed
 * sizes are. What is surely needed decides about a refusal, what is likely is told to people.
 */
import { KnownError } from '../../store/errors.js';
import { type FreeSpace, freeSpace } from '../../store/fs/free-space.js';
import { partialBlobBytes } from '../../store/layers/partial-blob.js';
import type { Descriptor } from '../../store/oci/descriptor.js';

export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

export interface NeededSpace {
  /** Less than this is never enough. */
  readonly least: Room;
  /** Of usual images: give or take a half. */
  readonly likely: Room;
}

/**
 * Bytes on the disk for a byte of a blob. Compressed bytes are dense: what was in them lies in the files, or in the record of their
 * headers, which is compressed itself. A plain archive may be nearly all headers of empty files; its record then takes this much.
 */
const leastFactor = { compressed: 0.9, plain: 1 / 32 };
const likelyFactor = { compressed: 2.5, plain: 1.05 };
/** Files that a layer's directory and record consist of, without those of the layer itself. */
const inodesOfLayer = 9;
/** Of usual images, the directories counted as well. */
const bytesPerInode = 32 * 1024;

type Blob = Pick<Descriptor, 'size' | 'mediaType'>;

/** @param blobs of layers that are not here; the same one twice when two layers are made of it */
export function neededSpace(blobs: readonly Blob[]): NeededSpace {
  const sum = (factor: typeof leastFactor) =>
    Math.ceil(blobs.reduce((bytes, { size, mediaType }) => bytes + size * factor[kindOf(mediaType)], 0));
  const inodes = blobs.length * inodesOfLayer;
  const likely = sum(likelyFactor);
  return {
    least: { bytes: sum(leastFactor), inodes },
    likely: { bytes: likely, inodes: inodes + Math.ceil(likely / bytesPerInode) },
  };
}

function kindOf(mediaType: string): 'compressed' | 'plain' {
  return /[.+](gzip|zstd)$/.test(mediaType) ? 'compressed' : 'plain';
}

export function holds({ bytes, inodes }: FreeSpace, room: Room): boolean {
  return (bytes === undefined || room.bytes <= bytes) && (inodes === undefined || room.inodes <= inodes);
}

/** Before the first byte of them is asked for. @throws KnownError E_STORE_IO when layers cannot fit whatever is in them */
export function refuseWithoutSpace(root: string, blobs: readonly Descriptor[]): void {
  if (blobs.length === 0) return;
  const { least, likely } = neededSpace(blobs);
  const { bytes, inodes } = freeSpace(root);
  // What is kept of a download that was cut off gives way to its layer.
  const kept = blobs.reduce((sum, { digest }) => sum + partialBlobBytes(root, digest), 0);
  if (holds({ bytes: bytes === undefined ? undefined : bytes + kept, inodes }, least)) return;
  const layers = `${blobs.length} layer${blobs.length === 1 ? '' : 's'}`;
  throw new KnownError(
    'E_STORE_IO',
    `cannot write to the data root ${JSON.stringify(root)}: no space left for ${layers}: ` +
      `at least ${least.bytes} bytes and ${least.inodes} inodes are needed, ` +
      `${bytes ?? 'any number of'} bytes and ${inodes ?? 'any number of'} inodes are free`,
    {
      hint: `about ${likely.bytes} bytes and ${likely.inodes} inodes are likely to be used: free some space, or use another --root; nothing was downloaded`,
    },
  );
}
