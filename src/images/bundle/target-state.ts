/**
 * What a root has, for whoever makes a bundle for it:
 *
 *     {"version": 1, "layers": ["sha256:<chainID>", …], "images": ["sha256:<image id>", …]}
 *
 * A chainID stands for a layer and all below it.
 */
import { KnownError } from '../../../store/errors.js';
import { topLayerOf } from '../../../store/images/image-document.js';
import { listLayers, readChain } from '../../../store/layers/layer-db.js';
import { type ChainId, type ImageId, parseChainId, parseImageId } from '../../../store/oci/digest.js';
import { fieldsOf, integerField, stringsField, wrong } from '../../../store/oci/fields.js';
import { parseStrictJson } from '../../../store/oci/strict-json.js';
import { printable } from '../../../store/printable.js';
import { readImageIndex } from '../find.js';

export interface TargetState {
  readonly layers: ReadonlySet<ChainId>;
  readonly images: ReadonlySet<ImageId>;
}

const VERSION = 1;
/** A hundred thousand layers. */
export const MAX_STATE_BYTES = 8 * 1024 * 1024;
const keys = ['version', 'layers', 'images'];

/** Layers whose chains are complete, and images with all their layers. */
export function readState(root: string): TargetState {
  const layers = new Set(listLayers(root).filter((chainId) => readChain(root, chainId) !== undefined));
  const images = readImageIndex(root)
    .images.list()
    .filter((image) => {
      const top = topLayerOf(image);
      return top === undefined || layers.has(top);
    });
  return { layers, images: new Set(images.map(({ id }) => id)) };
}

export function stateText({ layers, images }: TargetState): string {
  return `${JSON.stringify({ version: VERSION, layers: [...layers].sort(), images: [...images].sort() })}\n`;
}

/** @throws KnownError E_DOCUMENT, E_DIGEST, E_UNSUPPORTED for another version */
export function parseState(bytes: Uint8Array, what: string): TargetState {
  const fields = fieldsOf(parseStrictJson(bytes, { what, numbers: 'integers', maxDepth: 4 }), what, keys);
  const version = integerField(fields, 'version');
  if (version === undefined) throw wrong(what, 'has no "version": it is not what tsimage state writes');
  if (version !== VERSION)
    throw new KnownError('E_UNSUPPORTED', `${what} has version ${version}, and this program knows ${VERSION}`);
  const unknown = Object.keys(fields.object).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw wrong(what, `has "${printable(unknown, 100)}", which means nothing in it`);
  return {
    layers: new Set((stringsField(fields, 'layers') ?? []).map(parseChainId)),
    images: new Set((stringsField(fields, 'images') ?? []).map(parseImageId)),
  };
}
