/** The little that the store itself must know about an image's config. */
import { type ChainId, chainIdsOf, type DiffId, parseDiffId } from '../oci/digest.js';

export interface ImageDocument {
  /** The config as parsed JSON; everything in it comes from whoever built the image. */
  document: Readonly<Record<string, unknown>>;
  diffIds: readonly DiffId[];
}

/**
 * Undefined for what dockerd would not load: not an object, no `rootfs`, malformed diff ids.
 */
export function parseImageDocument(bytes: Uint8Array): ImageDocument | undefined {
  try {
    const document: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (!isRecord(document) || !isRecord(document['rootfs'])) return undefined;
    const ids = document['rootfs']['diff_ids'] ?? [];
    if (!Array.isArray(ids)) return undefined;
    return { document, diffIds: ids.map(parseDiffId) };
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && error.name === 'KnownError')) return undefined;
    throw error;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The chainID of the uppermost layer; undefined for an image without layers. */
export function topLayerOf(image: Pick<ImageDocument, 'diffIds'>): ChainId | undefined {
  return chainIdsOf(image.diffIds).at(-1);
}
