/** Whether a pull can rely on layers that are recorded: a few calls for each, which also a pull that has nothing to do can afford. */
import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode } from '../../store/errors.js';
import { readRegularFile } from '../../store/fs/read-regular.js';
import { readLayer } from '../../store/layers/layer-db.js';
import { unprovenOf } from '../../store/layers/unproven.js';
import type { ChainId } from '../../store/oci/digest.js';

export function needMending(root: string, layers: readonly ChainId[]): boolean {
  return unprovenOf(root, layers).length > 0 || layers.some((chainId) => !isUsable(root, chainId));
}

/** Its directory, its short name and the names of what it stands on are there. So they are of a layer that is not here: it is brought as usual. */
export function isUsable(root: string, chainId: ChainId): boolean {
  const record = readLayer(root, chainId);
  if (record === undefined) return true;
  const { cacheId, parent } = record;
  if (isNoName(cacheId)) return false;
  const home = join(root, 'overlay2');
  try {
    const link = readRegularFile(join(home, cacheId, 'link'))?.toString('utf8');
    if (link === undefined || isNoName(link) || readlinkSync(join(home, 'l', link)) !== `../${cacheId}/diff`)
      return false;
    const hasLower = lstatSync(join(home, cacheId, 'lower'), { throwIfNoEntry: false }) !== undefined;
    return hasLower === (parent !== undefined) && lstatSync(join(home, cacheId, 'diff')).isDirectory();
  } catch (error) {
    if (errnoCode(error) !== undefined) return false;
    throw error;
  }
}

/** What was read from a file must not lead elsewhere. */
function isNoName(text: string): boolean {
  return text === '' || /[/\0]/.test(text);
}
