/** `GraphDriver` of inspect: the directories that make up an image or a container. */
import { readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readChain } from '../../store/layers/layer-db.js';
import type { ChainId } from '../../store/oci/digest.js';
import { layerDirs, overlayHome, readLower } from '../../store/overlay2/layer-dir.js';
import { type GoStruct, type GoValue, stringMap } from '../template/values.js';

/** `Data` is null for an image without layers. */
export function graphDriver(root: string, top: ChainId | undefined): GoStruct {
  const cacheId = top === undefined ? undefined : readChain(root, top)?.at(-1)?.cacheId;
  const data: GoValue = stringMap(cacheId === undefined ? null : layerDirectories(root, cacheId));
  return {
    kind: 'struct',
    type: 'storage.DriverData',
    fields: [
      { name: 'Data', value: data },
      { name: 'Name', value: 'overlay2' },
    ],
  };
}

/** Docker's four keys; LowerDir, uppermost first, only where there is something below. */
export function layerDirectories(root: string, cacheId: string): Map<string, string> {
  const paths = layerDirs(root, cacheId);
  const data = new Map<string, string>();
  const lower = readLower(root, cacheId);
  if (lower.length > 0) data.set('LowerDir', lower.map((entry) => resolveLink(root, entry)).join(':'));
  data.set('MergedDir', paths.merged);
  data.set('UpperDir', paths.diff);
  data.set('WorkDir', paths.work);
  return data;
}

/** `l/ABC…` is a relative link to `../<cache-id>/diff`. */
function resolveLink(root: string, entry: string): string {
  const path = join(overlayHome(root), entry);
  return resolve(path, '..', readlinkSync(path));
}
