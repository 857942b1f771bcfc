/**
 * Another tree for a layer that is registered: its directory in overlay2, its names and everything that stands on it stay. Each step is
 * one rename, and after each the layer is what it was or what it shall be: a good tree fits a good record, whoever wrote them.
 *
 *     <root>/tspull/staging/<id>/
 *       swap                    {"cacheId", "chainId", "tree"}: inode of the new tree, written before the first step
 *       layer/diff              the new tree, afterwards the old one
 *       record/…                the files that follow
 */
import { closeSync, constants, existsSync, lstatSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { syncDirectory } from '../fs/atomic-file.js';
import { writeNewFile } from '../fs/exact-mode.js';
import { exchangeAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { type ChainId, type DiffId, parseChainId } from '../oci/digest.js';
import { layerDirs } from '../overlay2/layer-dir.js';
import { layerRecordDir } from './layer-db.js';
import { type LayerSource, layerMemoPath, recordDigest, stageLayerMemo } from './layer-memo.js';

/** What a swap needs to know of a staging directory; staging.ts makes them. */
interface Staged {
  dir: string;
  layer: string;
  record: string;
}

export interface Swap {
  chainId: ChainId;
  diffId: DiffId;
  parent: ChainId | undefined;
  cacheId: string;
  link: string;
  size: number;
  source: LayerSource | undefined;
}

interface Intent {
  chainId: ChainId;
  cacheId: string;
  tree: string;
}

/** Writes what is missing in the staging directory. After this and a syncfs only renames are left. */
export function prepareSwap(staged: Staged, swap: Swap): void {
  const { chainId, diffId, parent, cacheId, link, size, source } = swap;
  writeNewFile(join(staged.record, 'size'), String(size), 0o644);
  stageLayerMemo(staged.dir, { diffId, parent, cacheId, link, size, record: recordDigest(staged.record), source });
  const intent: Intent = { chainId, cacheId, tree: inodeOf(join(staged.layer, 'diff')) ?? '' };
  writeNewFile(join(staged.dir, 'swap'), JSON.stringify(intent), 0o600);
}

/**
 * Call inside the store's exclusive section, after the syncfs, with the layer held exclusively: whoever has the old tree mounted would see
 * its files vanish.
 */
export function swapLayer(root: string, dir: string): void {
  const intent = readSwap(dir);
  if (intent === undefined) throw new Error(`${dir} holds no layer to swap`);
  const { diff } = layerDirs(root, intent.cacheId);
  const fresh = join(dir, 'layer', 'diff');
  if (lstatSync(diff, { throwIfNoEntry: false }) === undefined) renameSync(fresh, diff);
  else exchange(fresh, diff);
  syncDirectory(layerDirs(root, intent.cacheId).dir);
  finishSwap(root, dir, intent);
}

/**
 * Finishes a swap that a killed process began, or leaves everything as it was. Call inside the store's exclusive section.
 */
export function resumeSwap(root: string, dir: string): void {
  const intent = readSwap(dir);
  if (intent === undefined) return;
  if (inodeOf(layerDirs(root, intent.cacheId).diff) === intent.tree) finishSwap(root, dir, intent);
}

function finishSwap(root: string, dir: string, { chainId }: Intent): void {
  const record = layerRecordDir(root, chainId);
  if (!existsSync(record)) return;
  for (const name of ['tar-split.json.gz', 'size']) move(join(dir, 'record', name), join(record, name));
  move(join(dir, 'memo'), layerMemoPath(root, chainId));
  syncDirectory(record);
}

/** What has been moved already is fine. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function exchange(a: string, b: string): void {
  const [from, to] = [openDirectory(join(a, '..')), openDirectory(join(b, '..'))];
  try {
    exchangeAt(from, cstring('diff'), to, cstring('diff'));
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

function inodeOf(path: string): string | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino.toString();
}

function readSwap(dir: string): Intent | undefined {
  try {
    const intent: unknown = JSON.parse(readFileSync(join(dir, 'swap'), 'utf8'));
    if (typeof intent !== 'object' || intent === null) return undefined;
    const { chainId, cacheId, tree } = intent as Record<string, unknown>;
    if (typeof cacheId !== 'string' || typeof tree !== 'string' || !/^[^/\0]{1,255}$/.test(cacheId)) return undefined;
    return { chainId: parseChainId(chainId), cacheId, tree };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof KnownError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
