/** The trees of layers against their archives: findings, with a file for each that rotted. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../../store/data-root.js';
import { isErrno } from '../../store/errors.js';
import { tryLock } from '../../store/linux/flock.js';
import type { ChainId } from '../../store/oci/digest.js';
import type { LayerVerdict } from '../../store/tar/verify-layer.js';
import type { Examination } from '../../store/upkeep/examine.js';
import type { Finding } from '../../store/upkeep/finding.js';
import type { LayerTruth } from '../../store/upkeep/layer-truths.js';
import { openRootView } from '../../store/upkeep/root-view.js';
import { recordPath } from '../../store/upkeep/survey.js';
import { findingOfFault } from './report.js';
import { type TreeToVerify, verifyTrees } from './verify-trees.js';

export interface TreeCheckOptions {
  signal: AbortSignal;
  /** Layers to leave out: they have been proven. */
  except?: (layer: LayerTruth) => boolean;
  onLayer?: ((layer: ChainId, verdict: LayerVerdict) => void) | undefined;
}

export interface CheckedTrees {
  findings: Finding[];
  bytes: number;
  layers: number;
}

export async function checkTrees(
  root: string,
  examination: Examination,
  { signal, except = () => false, onLayer }: TreeCheckOptions,
): Promise<CheckedTrees> {
  const checked: CheckedTrees = { findings: [], bytes: 0, layers: 0 };
  const leases: number[] = [];
  try {
    const trees = examination.layers.flatMap((of): TreeToVerify<LayerTruth>[] => {
      if (except(of)) return [];
      const layer = examination.toVerify(of);
      if (layer === undefined) return [];
      leases.push(...hold(root, of.chainId));
      return [{ of, layer, size: examination.sizeOf(of) ?? 0 }];
    });
    const onVerdict = (of: LayerTruth, verdict: LayerVerdict) => {
      checked.layers++;
      checked.bytes += verdict.bytes;
      checked.findings.push(...findingsOf(root, of, verdict, examination.sizeOf(of)));
      onLayer?.(of.chainId, verdict);
    };
    await verifyTrees(trees, onVerdict, signal);
    return checked;
  } finally {
    for (const fd of leases) closeSync(fd);
  }
}

/** Keeps our own programs from removing or swapping the layer meanwhile, where they have a lock for it: looking makes no files. */
function hold(root: string, chainId: ChainId): number[] {
  let fd: number;
  try {
    fd = openSync(join(privateDir(root), 'locks', chainId.slice(7)), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EMFILE')) return [];
    throw error;
  }
  if (tryLock(fd, 'shared')) return [fd];
  closeSync(fd);
  return [];
}

function findingsOf(root: string, layer: LayerTruth, verdict: LayerVerdict, size: number | undefined): Finding[] {
  const { diffId } = layer;
  // A dockerd, which knows nothing of our locks, may have removed it while it was read.
  if (verdict.faultCount > 0 && !isStillThere(root, layer)) return [];
  const findings = verdict.faults.map((fault) => findingOfFault(layer, fault));
  if (verdict.faultCount > verdict.faults.length)
    findings.push({
      ...findingOfFault(layer, { kind: 'digest', name: undefined }),
      problem: `${verdict.faultCount - verdict.faults.length} more faults`,
    });
  if (verdict.digest !== undefined && verdict.digest !== diffId && findings.length === 0)
    findings.push(findingOfFault(layer, { kind: 'digest', name: undefined, expected: diffId, found: verdict.digest }));
  if (findings.length === 0) findings.push(...sizeFinding(layer, size, verdict));
  return findings;
}

function isStillThere(root: string, { chainId, cacheId }: LayerTruth): boolean {
  using view = openRootView(root);
  return view.text(`${recordPath(chainId)}/cache-id`)?.trim() === cacheId;
}

function sizeFinding({ chainId, cacheId }: LayerTruth, found: number | undefined, { sizes }: LayerVerdict): Finding[] {
  const [first] = sizes;
  if (first === undefined || found === undefined || sizes.includes(found)) return [];
  const path = `${recordPath(chainId)}/size`;
  const fix = { kind: 'write', path, text: String(first), mode: 0o644 } as const;
  const facts = { area: 'layer-record', layer: chainId, cacheId, path } as const;
  return [{ ...facts, problem: 'it is wrong', expected: String(first), found: String(found), fix }];
}
