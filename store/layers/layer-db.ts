/**
 * Docker's layer database: one directory a layer, named by its chainID, made complete elsewhere and renamed into place.
 *
 *     <root>/image/overlay2/layerdb/    0700
 *       sha256/<chainID>/               0700
 *         diff                          0644  the diffID
 *         cache-id                      0644  the name of its directory in overlay2/
 *         size                          0644  bytes, decimal; a newline here makes dockerd drop the layer
 *         parent                        0644  the parent's chainID; absent on the lowest layer
 *         tar-split.json.gz             0644  what rebuilds its archive
 *       mounts/<container id>/          0755  a container's writable layer; pins the layers below it
 *       tmp/write-set-<digits>/         0700  being written
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { readRegularFile } from '../fs/read-regular.js';
import { type ChainId, type DiffId, hexOf, parseChainId, parseDiffId } from '../oci/digest.js';

export interface LayerRecord {
  chainId: ChainId;
  diffId: DiffId;
  /** The chainID of the layer below; undefined on the lowest. */
  parent: ChainId | undefined;
  cacheId: string;
  /** Bytes of this layer alone, as `docker image ls` adds them up. */
  size: number;
}

export function layerDbDir(root: string): string {
  return join(root, 'image', 'overlay2', 'layerdb');
}

export function layerRecordDir(root: string, chainId: ChainId): string {
  return join(layerDbDir(root), 'sha256', hexOf(chainId));
}

export function mountsDir(root: string): string {
  return join(layerDbDir(root), 'mounts');
}

function readField(dir: string, name: string): string | undefined {
  try {
    return readRegularFile(join(dir, name))?.toString('utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined;
    throw error;
  }
}

/** The layer's record, or undefined where dockerd would not see the layer either: a required file is missing or malformed. */
export function readLayer(root: string, chainId: ChainId): LayerRecord | undefined {
  const dir = layerRecordDir(root, chainId);
  const diff = readField(dir, 'diff')?.trim();
  const cacheId = readField(dir, 'cache-id')?.trim();
  const size = readField(dir, 'size');
  if (!diff || !cacheId || size === undefined || !/^\d{1,16}$/.test(size)) return undefined;
  try {
    const parent = readField(dir, 'parent')?.trim();
    return {
      chainId,
      diffId: parseDiffId(diff),
      parent: parent === undefined ? undefined : parseChainId(parent),
      cacheId,
      size: Number(size),
    };
  } catch (error) {
    if (error instanceof KnownError) return undefined;
    throw error;
  }
}

/** Names of the complete layer records. What has another form (`…-removing`, strays) is passed over, as dockerd does. */
export function listLayers(root: string): ChainId[] {
  return entries(join(layerDbDir(root), 'sha256'))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((hex) => parseChainId(`sha256:${hex}`));
}

/** The layer and all below it, lowest first; undefined when any of them is missing. */
export function readChain(root: string, chainId: ChainId): LayerRecord[] | undefined {
  const chain: LayerRecord[] = [];
  for (let next: ChainId | undefined = chainId; next !== undefined; ) {
    const record = readLayer(root, next);
    if (record === undefined) return undefined;
    chain.unshift(record);
    next = record.parent;
  }
  return chain;
}

/** The top layers that containers stand on, dockerd's and ours: the content of `mounts/<id>/parent`. */
export function mountParents(root: string): { id: string; parent: ChainId }[] {
  return entries(mountsDir(root)).flatMap((id) => {
    const parent = readField(join(mountsDir(root), id), 'parent')?.trim();
    return parent !== undefined && /^sha256:[0-9a-f]{64}$/.test(parent) ? [{ id, parent: parseChainId(parent) }] : [];
  });
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
