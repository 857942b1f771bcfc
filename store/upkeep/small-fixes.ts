/** Repairs that ask nobody: small files that others tell the content of, and what nobody needs. */
import { lstatSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoCode, KnownError } from '../errors.js';
import { syncDirectory, writeFileDurably } from '../fs/atomic-file.js';
import { makeDirectory } from '../fs/exact-mode.js';
import { removeTree } from '../fs/remove-tree.js';
import { recoverRepositories } from '../images/repositories-file.js';
import { layerMemoPath } from '../layers/layer-memo.js';
import { releaseLayers } from '../layers/release.js';
import { isMounted } from '../linux/mounted.js';
import { randomBytes } from '../linux/random.js';
import { type ChainId, hexOf } from '../oci/digest.js';
import { type Examination, examineOnce } from './examine.js';
import { type Finding, type Fix, keyOf } from './finding.js';
import { openRootView } from './root-view.js';

export type SmallFix = Extract<
  Fix,
  { kind: 'write' | 'symlink' | 'directory' | 'remove' | 'release' | 'recover-names' }
>;

export function isSmall(fix: Fix): fix is SmallFix {
  return ['write', 'symlink', 'directory', 'remove', 'release', 'recover-names'].includes(fix.kind);
}

/**
 * Does what the findings call for, as far as another look has them still. Call inside the store's exclusive section.
 *
 * @param failed is told why something could not be done
 */
export function applySmallFixes(
  root: string,
  wanted: readonly Finding[],
  failed: (finding: Finding, why: string) => void,
): void {
  const now = examineOnce(root);
  const found = new Map(now.findings.map((finding) => [keyOf(finding), finding]));
  const still = wanted.flatMap((finding) => found.get(keyOf(finding)) ?? (isOfTree(finding) ? finding : []));
  for (const finding of removalsFirst(still)) {
    if (!isSmall(finding.fix)) continue;
    try {
      const why = apply(root, finding.fix, now);
      if (why !== undefined) failed(finding, why);
      else if (finding.area === 'distribution') confirmMemos(root, now, finding.path);
    } catch (error) {
      const code = errnoCode(error);
      if (code === undefined && !(error instanceof KnownError)) throw error;
      failed(finding, error instanceof Error ? error.message : String(error));
    }
  }
}

/** A memo does not count against what dockerd has written since; what is written here says the same as the memo. */
function confirmMemos(root: string, { layers }: Examination, path: string): void {
  const inOneMillisecond = (Date.now() + 1) / 1000;
  for (const { chainId, diffId } of layers) {
    if (!path.endsWith(`/v2metadata-by-diffid/sha256/${hexOf(diffId)}`)) continue;
    const memo = layerMemoPath(root, chainId);
    if (lstatSync(memo, { throwIfNoEntry: false })?.isFile()) utimesSync(memo, inOneMillisecond, inOneMillisecond);
  }
}

/** A size is compared with the tree, which is not read again here. */
function isOfTree({ path }: Finding): boolean {
  return path.endsWith('/size');
}

/** Layers before what they stand on. */
function removalsFirst(findings: readonly Finding[]): Finding[] {
  const order = (finding: Finding) => (finding.fix.kind === 'release' ? 1 : 0);
  return [...findings].sort((a, b) => order(a) - order(b)).reverse();
}

/** @returns why nothing was done */
function apply(root: string, fix: SmallFix, examination: Examination): string | undefined {
  switch (fix.kind) {
    case 'recover-names':
      recoverRepositories(root, true);
      return undefined;
    case 'release':
      return release(root, fix.layer, examination);
    case 'remove':
      return remove(root, fix.path);
    default:
      return make(root, fix);
  }
}

function release(root: string, layer: ChainId, { tops }: Examination): string | undefined {
  const removed = releaseLayers(root, layer, tops);
  return removed.includes(layer) ? undefined : 'somebody relies on it, or another layer stands on it';
}

/** No component of the path but the last may be a link: what is below the root must be meant. */
function checkFolder(root: string, path: string): string {
  using view = openRootView(root);
  const folder = dirname(path);
  if (!view.isDirectory(folder)) throw new KnownError('E_STORE', `"${folder}" is no directory`);
  return join(root, folder);
}

function make(root: string, fix: Exclude<SmallFix, { kind: 'release' | 'remove' | 'recover-names' }>): undefined {
  const folder = checkFolder(root, fix.path);
  const path = join(root, fix.path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (fix.kind === 'directory') {
    if (there !== undefined && !there.isDirectory()) rmSync(path, { force: true });
    makeDirectory(path, fix.mode);
  } else if (fix.kind === 'write') {
    if (there?.isDirectory()) removeTree(path);
    writeFileDurably(path, Buffer.from(fix.text, 'latin1'), fix.mode);
  } else {
    if (there?.isDirectory()) removeTree(path);
    const temporary = join(folder, `.tmp-${randomBytes(8).toString('hex')}`);
    symlinkSync(fix.target, temporary);
    renameSync(temporary, path);
  }
  syncDirectory(folder);
  return undefined;
}

function remove(root: string, path: string): string | undefined {
  checkFolder(root, path);
  const full = join(root, path);
  if (isMounted(full)) return 'something is mounted there';
  const there = lstatSync(full, { throwIfNoEntry: false });
  if (there?.isDirectory()) removeTree(full);
  else rmSync(full, { force: true });
  return undefined;
}
