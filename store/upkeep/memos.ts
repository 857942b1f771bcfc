/** What tspull remembers of layers, as far as it is about the layers that are here now. */
import { KnownError } from '../errors.js';
import { type LayerMemo, type LayerSource, memoText, parseLayerMemo } from '../layers/layer-memo.js';
import { type ChainId, type DiffId, digestOf } from '../oci/digest.js';
import { parseManifest } from '../oci/manifest.js';
import type { Fix } from './finding.js';
import type { LayerTruth, Truths } from './layer-truths.js';
import { bytesOf, recordPath, type Survey } from './survey.js';

/** A line of Docker's memory. */
export interface Source {
  Digest: string;
  SourceRepository: string;
  HMAC: string;
}

export const MAX_RECORD_BYTES = 2 * 1024 ** 3;
const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

export const memoPath = (chainId: ChainId): string => `tspull/layers/${chainId.slice(7)}`;

/** Of a layer that dockerd has removed and made anew, the memo says nothing. */
export function validMemo(
  { view, records, directories }: Pick<Survey, 'view' | 'records' | 'directories'>,
  { chainId, diffId }: { chainId: ChainId; diffId: DiffId },
): LayerMemo | undefined {
  const memo = parseLayerMemo(view.text(memoPath(chainId)) ?? '');
  if (memo?.diffId !== diffId) return undefined;
  const claimed = records.get(chainId)?.cacheId?.trim();
  return claimed === undefined || claimed === memo.cacheId || !directories.has(claimed) ? memo : undefined;
}

/** From the record itself, Docker's memory of repositories, and the manifest of an image that has the layer. */
export function memoAnew(survey: Survey, truths: Truths, layer: LayerTruth, sources: readonly Source[]): Fix {
  const { view, records } = survey;
  const { chainId, diffId, parent, cacheId } = layer;
  const link = cacheId === undefined ? undefined : truths.links.get(cacheId);
  const size = records.get(chainId)?.size;
  const record = bytesOf(view.read(`${recordPath(chainId)}/tar-split.json.gz`, MAX_RECORD_BYTES));
  if (cacheId === undefined || link === undefined || size === undefined || record === undefined)
    return { kind: 'remove', path: memoPath(chainId) };
  const source = sourceOf(survey, chainId, sources);
  const memo = { diffId, parent, cacheId, link, size: Number(size), record: digestOf(record), source };
  return { kind: 'write', path: memoPath(chainId), text: memoText(memo), mode: 0o600 };
}

function sourceOf({ view, known }: Survey, chainId: ChainId, sources: readonly Source[]): LayerSource | undefined {
  const { image, index } = known.get(chainId) ?? {};
  if (image === undefined || index === undefined) return undefined;
  const dir = `tspull/manifests/${image.slice(7)}`;
  for (const name of view.names(dir)) {
    const bytes = bytesOf(view.read(`${dir}/${name}`, MAX_MANIFEST_BYTES));
    const blob = bytes === undefined ? undefined : layerIn(bytes, index);
    const repository = sources.findLast(({ Digest }) => Digest === blob?.digest)?.SourceRepository;
    if (blob === undefined || repository === undefined) continue;
    return { blob: blob.digest, blobSize: blob.size, mediaType: blob.mediaType, repository };
  }
  return undefined;
}

function layerIn(bytes: Buffer, index: number) {
  try {
    const document = parseManifest(bytes, undefined);
    return document.kind === 'manifest' ? document.layers[index] : undefined;
  } catch (error) {
    if (error instanceof KnownError) return undefined;
    throw error;
  }
}
