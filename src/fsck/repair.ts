/**
 * Repairs a data root in rounds: look, put right what the small files tell, fetch what they do not, look again. What has been tried once
 * is not tried again, so that every repair ends. Nothing is done while a dockerd runs, nor to a layer that somebody relies on.
 */
import { errnoCode, KnownError } from '../../store/errors.js';
import { writeFileDurably } from '../../store/fs/atomic-file.js';
import { markProven } from '../../store/layers/unproven.js';
import type { ChainId } from '../../store/oci/digest.js';
import { openForWriting, type Store } from '../../store/store.js';
import { verifyLayer } from '../../store/tar/verify-layer.js';
import { type Examination, examine, examineOnce } from '../../store/upkeep/examine.js';
import { type Finding, type Fix, keyOf } from '../../store/upkeep/finding.js';
import type { LayerTruth } from '../../store/upkeep/layer-truths.js';
import { applySmallFixes, isSmall } from '../../store/upkeep/small-fixes.js';
import { recordPath } from '../../store/upkeep/survey.js';
import { checkTrees } from './check-trees.js';
import { createFetcher, type Fetcher } from './fetch-again.js';
import type { FsckOptions } from './fsck.js';
import { type FsckReport, fsckVersion, shownFinding } from './report.js';

const MAX_ROUNDS = 12;

type RepairOptions = FsckOptions & { quick: boolean; signal: AbortSignal };

export async function repairRoot(root: string, options: RepairOptions): Promise<FsckReport> {
  // Looked at first: opening it for writing removes what killed writers left, and that is told as well.
  const before = examine(root);
  using store = await openForWriting(root, options.signal);
  const fetcher = createFetcher(store, options);
  try {
    const repair = createRepair(store, fetcher, options);
    return await repair(before);
  } finally {
    await fetcher.close();
  }
}

function createRepair(store: Store, fetcher: Fetcher, { quick, signal }: RepairOptions) {
  const { root } = store;
  /** Everything that was ever found, in order. */
  const found = new Map<string, Finding>();
  const tried = new Set<string>();
  const reasons = new Map<string, string>();
  const failed = (finding: Finding, why: string) => reasons.set(keyOf(finding), why);
  /** Layers whose trees are known to be right, by the directory that was looked at. */
  const proven = new Map<ChainId, string>();
  let treeFindings: Finding[] = [];
  let bytes = 0;

  const checkNewTrees = async (examination: Examination) => {
    if (quick) return;
    const except = ({ chainId, cacheId }: LayerTruth) => proven.get(chainId) === cacheId;
    const wasChecked = (layer: LayerTruth) => except(layer) || examination.toVerify(layer) === undefined;
    const left = examination.layers.filter((layer) => !wasChecked(layer)).map(({ chainId }) => chainId as string);
    const checked = await checkTrees(root, examination, { signal, except });
    bytes += checked.bytes;
    treeFindings = [...treeFindings.filter(({ layer }) => !left.includes(layer ?? '')), ...checked.findings];
    const bad = new Set(checked.findings.map(({ layer }) => layer));
    for (const { chainId, cacheId } of examination.layers)
      if (left.includes(chainId) && cacheId !== undefined && !bad.has(chainId)) proven.set(chainId, cacheId);
  };

  const round = async (examination: Examination): Promise<boolean> => {
    const findings = [...examination.findings, ...treeFindings];
    for (const finding of findings) found.set(keyOf(finding), finding);
    const fresh = findings.filter((finding) => finding.fix.kind !== 'none' && !tried.has(keyOf(finding)));
    const small = fresh.filter(({ fix }) => isSmall(fix));
    // What is fetched depends on what the small files say; what nobody needs goes when all the rest is there.
    const steps = [
      small.filter(({ area }) => area !== 'orphan'),
      fresh.filter(({ fix }) => fix.kind === 'find-directory'),
      fresh.filter(({ fix }) => fix.kind === 'fetch-config' || fix.kind === 'fetch-manifest'),
      fresh.filter(({ fix }) => fix.kind === 'fetch-layer').slice(0),
      small.filter(({ area }) => area === 'orphan'),
    ];
    const step = steps.find((some) => some.length > 0);
    if (step === undefined) return false;
    for (const finding of step) tried.add(keyOf(finding));
    if (step === steps[0] || step === steps[4]) await store.exclusive(() => applySmallFixes(root, step, failed));
    else await fetchOrFind(step, examination);
    signal.throwIfAborted();
    return true;
  };

  const fetchOrFind = async (step: readonly Finding[], examination: Examination) => {
    const context = { names: fetcher.names(), images: examination.imageLayers };
    const layers = new Map<ChainId, Finding[]>();
    for (const finding of step) {
      const { fix } = finding;
      if (fix.kind === 'find-directory') await findDirectory(finding, fix, examination);
      else if (fix.kind === 'fetch-layer') layers.set(fix.layer, [...(layers.get(fix.layer) ?? []), finding]);
      else if (fix.kind === 'fetch-config' || fix.kind === 'fetch-manifest') {
        const why = await attempt(() => fetcher.fetchDocuments(fix.image, fix.kind, context));
        if (why !== undefined) failed(finding, why);
      }
    }
    // Lowest first: a layer is registered on its parent only.
    for (const layer of examination.layers) {
      const findings = layers.get(layer.chainId);
      if (findings === undefined) continue;
      const why = await attempt(() => fetcher.fetchLayer(layer, context));
      for (const finding of findings) if (why !== undefined) failed(finding, why);
      proven.delete(layer.chainId);
    }
  };

  /** The directory whose tree gives the layer's archive is the layer's; without one, that which others take for it. */
  const findDirectory = async (
    finding: Finding,
    { layer: chainId, candidates, likely }: Extract<Fix, { kind: 'find-directory' }>,
    examination: Examination,
  ) => {
    const layer = examination.layers.find((one) => one.chainId === chainId);
    if (layer === undefined) return;
    const isProven = (cacheId: string): boolean => {
      const tree = examination.toVerify({ ...layer, cacheId });
      if (tree === undefined) return false;
      const { faultCount, digest } = verifyLayer(tree);
      return faultCount === 0 && digest === layer.diffId;
    };
    const right = candidates.find(isProven);
    if (right === undefined && likely === undefined) {
      const why = await attempt(() =>
        fetcher.fetchLayer(layer, { names: fetcher.names(), images: examination.imageLayers }),
      );
      if (why !== undefined) failed(finding, why);
      return;
    }
    const chosen = right ?? likely;
    await store.exclusive(() => {
      const now = examineOnce(root);
      if (chosen === undefined || !now.layers.some((one) => one.chainId === chainId && one.cacheId === undefined))
        return;
      writeFileDurably(`${root}/${recordPath(chainId)}/cache-id`, chosen, 0o644);
    });
  };

  return async (before: Examination): Promise<FsckReport> => {
    for (const finding of before.findings) found.set(keyOf(finding), finding);
    let examination = examine(root);
    await checkNewTrees(examination);
    for (let rounds = 0; rounds < MAX_ROUNDS && (await round(examination)); rounds++) {
      examination = examine(root);
      await checkNewTrees(examination);
    }
    const left = new Set([...examination.findings, ...treeFindings].map(keyOf));
    const findings = [...found].map(([key, finding]) =>
      shownFinding(finding, { repaired: !left.has(key), reason: left.has(key) ? reasons.get(key) : undefined }),
    );
    for (const chainId of proven.keys()) markProven(root, chainId);
    const { images, layers } = examination;
    return {
      version: fsckVersion,
      root,
      quick,
      images,
      layers: layers.length,
      bytes,
      findings,
      clean: left.size === 0,
    };
  };
}

/** @returns why it failed, in words; undefined when it was done */
async function attempt(work: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KnownError && error.code !== 'E_CANCELLED') return error.message;
    if (errnoCode(error) !== undefined && error instanceof Error) return error.message;
    throw error;
  }
}
