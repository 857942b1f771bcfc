/** All checks of what is small, and the list of trees that are worth a check. */
import { closeSync, constants, openSync } from 'node:fs';
import { storeLockPath } from '../data-root.js';
import { errnoCode } from '../errors.js';
import { tryLock } from '../linux/flock.js';
import { type ChainId, chainIdsOf, type DiffId, type ImageId } from '../oci/digest.js';
import type { LayerToVerify } from '../tar/verify-layer.js';
import { checkContainers } from './check-containers.js';
import { checkDistribution } from './check-distribution.js';
import { checkImages } from './check-images.js';
import { checkLayers } from './check-layers.js';
import { checkOrphans } from './check-orphans.js';
import { type Finding, keyOf } from './finding.js';
import { whatLasts } from './lasting.js';
import { type LayerTruth, layerTruths, type Truths } from './layer-truths.js';
import { openRootView } from './root-view.js';
import { recordPath, type Survey, surveyRoot } from './survey.js';

export interface Examination {
  readonly findings: readonly Finding[];
  readonly layers: readonly LayerTruth[];
  readonly images: number;
  readonly imageLayers: ReadonlyMap<ImageId, readonly DiffId[]>;
  /** The uppermost layer of each image. */
  readonly tops: readonly ChainId[];
  /** As layerdb has it; undefined where that is no number. */
  sizeOf(layer: LayerTruth): number | undefined;
  /** A tree that is there, with its record. */
  toVerify(layer: LayerTruth): LayerToVerify | undefined;
}

/**
 * @param isQuiet inside the store's exclusive section, or while its lock is held
 * @throws ENOENT, ENOTDIR or EACCES for a root that cannot be read
 */
export function examineOnce(root: string, isQuiet = true): Examination {
  using view = openRootView(root);
  const survey = surveyRoot(view, isQuiet);
  const truths = layerTruths(survey);
  const idBase = idBaseOf(survey);
  const findings = [
    ...checkImages(survey),
    ...checkLayers(survey, truths),
    ...checkContainers(survey, truths),
    ...checkDistribution(survey, truths),
    ...checkOrphans(survey, truths),
  ];
  return {
    findings,
    layers: [...truths.layers.values()],
    imageLayers: survey.images,
    tops: [...survey.images.values()].flatMap((diffIds) => chainIdsOf(diffIds).at(-1) ?? []),
    images: survey.images.size + survey.badImages.length,
    sizeOf: ({ chainId }) => sizeIn(survey.records.get(chainId)?.size),
    toVerify: (layer) => treeOf(root, { survey, truths, idBase }, layer),
  };
}

function sizeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

const MAX_LOOKS = 4;

/**
 * Files change one after the other while somebody writes: what is found once may be a step of that. A finding counts when a second look
 * has it as well, at which our own programs are kept from changing anything.
 */
export function examine(root: string): Examination {
  return whatLasts(root, () => lookTwice(root));
}

function lookTwice(root: string): Examination {
  let seen = examineOnce(root, false);
  for (let look = 1; look < MAX_LOOKS && seen.findings.length > 0; look++) {
    using _quiet = keepQuiet(root);
    const again = examineOnce(root);
    const known = new Set(seen.findings.map(keyOf));
    const stable = again.findings.filter((finding) => known.has(keyOf(finding)));
    seen = again;
    if (stable.length === again.findings.length) break;
  }
  return seen;
}

/** The removal of a large layer takes its time. */
const LONGEST_WAIT_MS = 60_000;
const WAIT_MS = 10;

/** The store's lock, where there is one: it is only opened, so that looking changes nothing. */
function keepQuiet(root: string): Disposable {
  let fd: number;
  try {
    fd = openSync(storeLockPath(root), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoCode(error) === undefined) throw error;
    return { [Symbol.dispose]: () => undefined };
  }
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + LONGEST_WAIT_MS; !tryLock(fd, 'shared') && Date.now() < end; )
    Atomics.wait(asleep, 0, 0, WAIT_MS);
  return { [Symbol.dispose]: () => closeSync(fd) };
}

function treeOf(
  root: string,
  { survey, truths, idBase }: { survey: Survey; truths: Truths; idBase: number | undefined },
  layer: LayerTruth,
): LayerToVerify | undefined {
  const { chainId, cacheId } = layer;
  if (cacheId === undefined || !survey.records.get(chainId)?.hasTarSplit) return undefined;
  if (!survey.directories.get(cacheId)?.hasDiff) return undefined;
  const below: string[] = [];
  for (
    let at = truths.layers.get(layer.parent as ChainId);
    at !== undefined;
    at = truths.layers.get(at.parent as ChainId)
  )
    if (at.cacheId !== undefined) below.push(`${root}/overlay2/${at.cacheId}/diff`);
  return {
    record: `${root}/${recordPath(chainId)}/tar-split.json.gz`,
    diff: `${root}/overlay2/${cacheId}/diff`,
    below,
    // Directories that BuildKit has made keep its names, and their trees were there before their archives.
    isSource: !/^[0-9a-f]{64}$/.test(cacheId),
    idBase,
  };
}

/** A daemon that remaps users has a root of its own, named after them; one without privileges has no single rule. */
function idBaseOf({ view }: Survey): number | undefined {
  const remapped = /\/(\d+)\.\d+$/.exec(view.root)?.[1];
  if (remapped !== undefined) return Number(remapped);
  return view.stat('overlay2')?.uid === 0 ? 0 : undefined;
}
