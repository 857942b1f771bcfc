/**
 * What tspull itself remembers of a layer that it has registered: its facts a second time, and where its blob came from. With it a file
 * of the layer that rots is told from one that was right, and is written again without asking anybody. dockerd does not know it; a memo of
 * a layer that dockerd has made anew names another cache-id, and says nothing then.
 *
 *     <root>/tspull/layers/<chainID>     0600  JSON, with a sum over itself
 */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../data-root.js';
import { isErrno } from '../errors.js';
import { writeNewFile } from '../fs/exact-mode.js';
import { type ChainId, type DiffId, type Digest, digestOf, hexOf, isDigest } from '../oci/digest.js';

export interface LayerMemo {
  diffId: DiffId;
  parent: ChainId | undefined;
  cacheId: string;
  /** Short name. */
  link: string;
  size: number;
  /** sha256 of tar-split.json.gz */
  record: Digest;
  /** Undefined for a layer that came from no registry. */
  source: LayerSource | undefined;
}

export interface LayerSource {
  blob: Digest;
  blobSize: number;
  mediaType: string;
  /** Full name, as `docker.io/library/ubuntu`. */
  repository: string;
}

export function layerMemoPath(root: string, chainId: ChainId): string {
  return join(privateDir(root), 'layers', hexOf(chainId));
}

/** @param dir a staging directory, from which {@link publishLayerMemo} moves it */
export function stageLayerMemo(dir: string, memo: LayerMemo): void {
  writeNewFile(join(dir, 'memo'), memoText(memo), 0o600);
}

/** Call inside the store's exclusive section, after a syncfs. */
export function publishLayerMemo(root: string, dir: string, chainId: ChainId): void {
  renameSync(join(dir, 'memo'), layerMemoPath(root, chainId));
}

export function forgetLayerMemo(root: string, chainId: ChainId): void {
  rmSync(layerMemoPath(root, chainId), { force: true });
}

/** The digest of a record on its way in, for its memo. */
export function recordDigest(record: string): Digest {
  return digestOf(readFileSync(join(record, 'tar-split.json.gz')));
}

export function memoText(memo: LayerMemo): string {
  const text = JSON.stringify(memo);
  return `${text.slice(0, -1)},"sum":"${digestOf(text)}"}`;
}

/** Undefined for what is not, to the letter, what was written. */
export function parseLayerMemo(text: string): LayerMemo | undefined {
  try {
    const { sum, ...memo } = JSON.parse(text) as LayerMemo & { sum: unknown };
    const { diffId, cacheId, link, size, record } = memo;
    const isMemo =
      isDigest(diffId) &&
      isDigest(record) &&
      typeof size === 'number' &&
      [cacheId, link].every((name) => typeof name === 'string');
    if (!isMemo || memoText(memo) !== text || sum === undefined) return undefined;
    return { ...memo, parent: memo.parent, source: memo.source };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

export function readLayerMemo(root: string, chainId: ChainId): LayerMemo | undefined {
  try {
    return parseLayerMemo(readFileSync(layerMemoPath(root, chainId), 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
