/** How an image came to be, newest step first. */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { chainIdsOf, type ImageId } from '../../store/oci/digest.js';
import type { ImageIndex } from './find.js';
import { type GoTime, parseGoTime } from './go-time.js';
import { historyOf } from './image-fields.js';

export interface HistoryStep {
  /** Undefined where no image of its own stands for the step: all but the newest, for images that were pulled. */
  id: ImageId | undefined;
  created: GoTime;
  createdBy: string;
  /** Bytes of the layer that the step made; 0 when it made none. */
  size: number;
  comment: string;
}

/** @throws KnownError `E_DOCUMENT` when the history tells of more layers than there are */
export function imageHistory(index: ImageIndex, image: ImageRecord): HistoryStep[] {
  const chainIds = chainIdsOf(image.diffIds);
  let layer = 0;
  const steps = historyOf(image.document).map((entry): HistoryStep => {
    let size = 0;
    if (!entry.emptyLayer) {
      const chainId = chainIds[layer++];
      if (chainId === undefined)
        throw new KnownError('E_DOCUMENT', `too many non-empty layers in the history of image ${image.id}`);
      size = readLayer(index.root, chainId)?.size ?? 0;
    }
    const { createdBy, comment } = entry;
    return { id: undefined, created: parseGoTime(entry.created), createdBy, size, comment };
  });
  steps.reverse();
  // Images built here remember what they were built from; each of those stands for one step.
  let id: ImageId | undefined = image.id;
  for (const step of steps) {
    if (id === undefined) break;
    step.id = id;
    const parent = index.images.parent(id);
    id = parent !== undefined && index.images.get(parent) !== undefined ? parent : undefined;
  }
  return steps;
}
