/**
 * A layer on its way in. Nothing in a staging directory is visible to any reader; if its owner dies, the next writer finds
 * the lock free and removes it, together with what it may have published half.
 *
 *     <root>/tspull/staging/<id>/
 *       lock                    held as long as somebody works here
 *       intent                  {"cacheId", "chainId"}: what is about to be published from here
 *       layer/                  becomes overlay2/<cache-id>
 *       record/                 becomes layerdb/sha256/<chainID>
 *       memo                    becomes tspull/layers/<chainID>
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stagingDir } from '../data-root.js';
import { isErrno, KnownError } from '../errors.js';
import { makeDirectory, writeNewFile } from '../fs/exact-mode.js';
import { type HeldLock, tryAcquire } from '../fs/lock.js';
import { randomId } from '../fs/random-id.js';
import { removeTree } from '../fs/remove-tree.js';
import { type ChainId, type DiffId, parseChainId } from '../oci/digest.js';
import { completeLayerDir, markCommitted, removeLayerDir } from '../overlay2/layer-dir.js';
import { readLayer } from './layer-db.js';
import { type LayerSource, recordDigest, stageLayerMemo } from './layer-memo.js';
import { type LayerNames, randomNames } from './layer-names.js';
import { resumeSwap } from './swap-layer.js';

export interface StagedLayer {
  /** The staging directory. */
  dir: string;
  /** Where the layer is unpacked: the extraction makes `diff/` in it. */
  layer: string;
  /** Where `tar-split.json.gz` and the record's files are written. */
  record: string;
  cacheId: string;
  link: string;
  /** Removes it, and what it has published half; a registered layer stays. */
  discard(): void;
}

/** Call inside the store's exclusive section: a sweep must not meet a directory whose lock is not taken yet. */
export function stageLayer(root: string, names: LayerNames = randomNames()): StagedLayer {
  const dir = join(stagingDir(root), randomId());
  const paths = { dir, layer: join(dir, 'layer'), record: join(dir, 'record') };
  const lock = makeStaging(paths);
  return { ...paths, ...names, discard: () => discard(root, dir, lock) };
}

function makeStaging({ dir, layer, record }: Pick<StagedLayer, 'dir' | 'layer' | 'record'>): HeldLock {
  makeDirectory(dir, 0o700);
  try {
    makeDirectory(layer, 0o710);
    makeDirectory(record, 0o700);
    const lock = tryAcquire(join(dir, 'lock'), 'exclusive');
    if (lock === undefined) throw new Error(`somebody else holds the new staging directory ${dir}`);
    return lock;
  } catch (error) {
    removeTree(dir);
    throw error;
  }
}

function discard(root: string, dir: string, lock: HeldLock): void {
  try {
    resumeSwap(root, dir);
    const intent = readIntent(dir);
    // Without layer/ it was moved to overlay2/; if its record did not follow, nobody refers to it.
    if (
      intent !== undefined &&
      !existsSync(join(dir, 'layer')) &&
      readLayer(root, intent.chainId)?.cacheId !== intent.cacheId
    )
      removeLayerDir(root, intent.cacheId);
    removeTree(dir);
  } finally {
    // What is left is for a sweep, also one of this process.
    lock.release();
  }
}

export interface LayerFacts {
  chainId: ChainId;
  diffId: DiffId;
  parent: ChainId | undefined;
  /** `lower` entries of this layer, uppermost first; empty on the lowest. */
  lower: string[];
  /** Bytes of the unpacked layer. */
  size: number;
  /** Where it came from, if that can be asked again. */
  source?: LayerSource | undefined;
}

/** Writes everything that the layer needs besides its tree. After this and a syncfs only renames are left. */
export function prepareLayer(staged: StagedLayer, facts: LayerFacts): void {
  const { chainId, diffId, parent, lower, size, source } = facts;
  completeLayerDir(staged.layer, staged.link, lower);
  markCommitted(staged.layer);
  writeNewFile(join(staged.record, 'diff'), diffId, 0o644);
  writeNewFile(join(staged.record, 'size'), String(size), 0o644);
  writeNewFile(join(staged.record, 'cache-id'), staged.cacheId, 0o644);
  if (parent !== undefined) writeNewFile(join(staged.record, 'parent'), parent, 0o644);
  const { cacheId, link } = staged;
  stageLayerMemo(staged.dir, { diffId, parent, cacheId, link, size, record: recordDigest(staged.record), source });
  writeNewFile(join(staged.dir, 'intent'), JSON.stringify({ cacheId: staged.cacheId, chainId }), 0o600);
}

/** Removes staging directories that nobody works on any more. Call inside the store's exclusive section. */
export function sweepStaging(root: string): void {
  for (const name of readdirSync(stagingDir(root))) {
    const dir = join(stagingDir(root), name);
    // Its owner died before it took the lock. No lock file is made for it here: the disk may be full.
    if (!existsSync(join(dir, 'lock'))) {
      removeTree(dir);
      continue;
    }
    const lock = tryAcquire(join(dir, 'lock'), 'exclusive');
    if (lock !== undefined) discard(root, dir, lock);
  }
}

function readIntent(dir: string): { cacheId: string; chainId: ChainId } | undefined {
  try {
    const intent: unknown = JSON.parse(readFileSync(join(dir, 'intent'), 'utf8'));
    if (typeof intent !== 'object' || intent === null || !('cacheId' in intent) || !('chainId' in intent))
      return undefined;
    if (typeof intent.cacheId !== 'string' || !/^[0-9a-f]{64}$/.test(intent.cacheId)) return undefined;
    return { cacheId: intent.cacheId, chainId: parseChainId(intent.chainId) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof KnownError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
