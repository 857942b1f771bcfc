/** What two data roots say about the same layers, path by path. */
import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { layerRecordDir, readChain, readLayer } from '../../store/layers/layer-db.js';
import { mountOverlay } from '../../store/linux/overlay.js';
import { getXattr } from '../../store/linux/xattr.js';
import type { ChainId } from '../../store/oci/digest.js';
import { layerDirs, lowerOf, overlayHome } from '../../store/overlay2/layer-dir.js';
import { describeTree } from './tree.js';

/** Times since `since` (ms) are those of the unpacking itself: whiteouts and folders that no member makes get them. */
export function layerTree(root: string, chainId: ChainId, since: number): string[] {
  const layer = readLayer(root, chainId);
  if (layer === undefined) throw new Error(`${root} has no layer ${chainId}`);
  return withoutNow(describeTree(layerDirs(root, layer.cacheId).diff), since);
}

/** The merged tree of an image, as a container would see it. */
export function mergedTree(root: string, top: ChainId, since: number): string[] {
  const layer = readLayer(root, top);
  if (layer === undefined) throw new Error(`${root} has no layer ${top}`);
  const fd = mountOverlay({ home: overlayHome(root), lower: lowerOf(root, layer.cacheId) });
  try {
    return withoutNow(describeTree(`/proc/self/fd/${fd}/.`), since);
  } finally {
    closeSync(fd);
  }
}

function withoutNow(lines: readonly string[], since: number): string[] {
  return lines.map((line) =>
    line.replace(/ t=(-?\d+)/, (text, time) => (BigInt(time) / 1_000_000n >= BigInt(since - 1000) ? ' t=now' : text)),
  );
}

/** The small files of a layer's record. */
export function layerFacts(root: string, chainId: ChainId): Record<string, string | undefined> {
  const { diffId, parent, size } = readLayer(root, chainId) ?? {};
  return { diffId, parent, size: String(size) };
}

/** Lines of tar-split up to the last file, and the bytes of what follows: how the end is divided depends on read sizes. */
export function tarSplit(root: string, chainId: ChainId): { lines: string[]; rest: string } {
  const text = gunzipSync(readFileSync(join(layerRecordDir(root, chainId), 'tar-split.json.gz'))).toString('latin1');
  const lines = text.split('\n').filter(Boolean);
  const last = lines.findLastIndex((line) => line.startsWith('{"type":1'));
  const tail = lines.slice(last + 1).map((line) => Buffer.from(String(JSON.parse(line).payload ?? ''), 'base64'));
  return { lines: lines.slice(0, last + 1), rest: Buffer.concat(tail).toString('base64') };
}

/** Layers of the chain that a writable mount has left its mark on. */
export function touchedLayers(root: string, top: ChainId): string[] {
  return (readChain(root, top) ?? [])
    .map(({ cacheId }) => layerDirs(root, cacheId).diff)
    .filter((diff) => getXattr(diff, 'trusted.overlay.uuid') !== undefined);
}
