/** The records of layers, their directories and their short names. Their trees are checked elsewhere. */
import type { ChainId } from '../oci/digest.js';
import { gzipWriter } from '../tar/tar-split-head.js';
import type { Finding, Fix } from './finding.js';
import { type LayerTruth, type Truths, targetOf } from './layer-truths.js';
import { validMemo } from './memos.js';
import { type RawDirectory, recordPath, type Survey } from './survey.js';

const none = (why: string): Fix => ({ kind: 'none', why });

export function* checkLayers(survey: Survey, truths: Truths): Generator<Finding> {
  for (const layer of truths.layers.values()) {
    const record = survey.records.get(layer.chainId);
    if (record === undefined) yield missingLayer(survey, layer);
    else yield* checkRecord(survey, layer);
    if (layer.cacheId !== undefined) yield* checkDirectory(survey, truths, layer, layer.cacheId);
  }
  for (const layer of truths.unknown)
    yield {
      area: 'layer-record',
      path: recordPath(layer),
      layer,
      problem: 'it does not fit its name, and no image has such a layer',
      fix: none('its files may be of use to somebody; remove the directory when they are not'),
    };
}

function missingLayer({ known }: Survey, { chainId }: LayerTruth): Finding {
  return {
    area: 'layer-record',
    path: recordPath(chainId),
    layer: chainId,
    image: known.get(chainId)?.image,
    problem: 'a layer of an image is missing',
    fix: { kind: 'fetch-layer', layer: chainId },
  };
}

function* checkRecord(survey: Survey, layer: LayerTruth): Generator<Finding> {
  const { chainId, diffId, parent, cacheId, candidates, likely } = layer;
  const record = survey.records.get(chainId);
  const path = recordPath(chainId);
  const facts = { area: 'layer-record', layer: chainId, cacheId } as const;
  const write = (name: string, text: string): Fix => ({ kind: 'write', path: `${path}/${name}`, text, mode: 0o644 });
  if (record === undefined) return;
  if (record.diff?.trim() !== diffId)
    yield differing({
      ...facts,
      path: `${path}/diff`,
      expected: diffId,
      found: record.diff,
      fix: write('diff', diffId),
    });
  if (record.parent?.trim() !== parent) {
    const fix: Fix = parent === undefined ? { kind: 'remove', path: `${path}/parent` } : write('parent', parent);
    yield differing({ ...facts, path: `${path}/parent`, expected: parent, found: record.parent, fix });
  } else if (record.hasParent && parent === undefined)
    yield differing({ ...facts, path: `${path}/parent`, fix: { kind: 'remove', path: `${path}/parent` } });
  if (cacheId === undefined)
    yield {
      ...facts,
      path: `${path}/cache-id`,
      problem: record.cacheId === undefined ? 'it is missing' : 'it names no directory of this layer',
      found: record.cacheId,
      fix: { kind: 'find-directory', layer: chainId, candidates, likely },
    };
  const size = validMemo(survey, layer)?.size;
  if (size === undefined ? !/^\d{1,16}$/.test(record.size ?? '') : record.size !== String(size)) {
    const [expected, found] = [size === undefined ? 'a number' : String(size), record.size];
    const fix: Fix = size === undefined ? { kind: 'fetch-layer', layer: chainId } : write('size', String(size));
    yield differing({ ...facts, path: `${path}/size`, expected, found, fix });
  }
  if (!record.hasTarSplit) {
    const fix: Fix = { kind: 'fetch-layer', layer: chainId };
    yield { ...facts, path: `${path}/tar-split.json.gz`, problem: 'it is missing', fix };
  }
}

type Difference = Omit<Finding, 'problem'>;

function differing(finding: Difference): Finding {
  const problem = finding.found === undefined ? 'it is missing or cannot be read' : 'it is wrong';
  return { ...finding, problem };
}

function* checkDirectory(survey: Survey, truths: Truths, layer: LayerTruth, cacheId: string): Generator<Finding> {
  const directory = survey.directories.get(cacheId);
  if (directory === undefined) return;
  const facts = { area: 'layer-directory', layer: layer.chainId, cacheId } as const;
  const path = `overlay2/${cacheId}`;
  if (!directory.hasDiff) {
    const fix: Fix = { kind: 'fetch-layer', layer: layer.chainId };
    yield { ...facts, path: `${path}/diff`, problem: 'the tree is missing', fix };
  }
  for (const finding of checkStack(survey, truths, cacheId, directory)) yield { ...facts, ...finding };
  const isLowest = layer.parent === undefined;
  if (!isLowest && !directory.hasWork) {
    const fix: Fix = { kind: 'directory', path: `${path}/work`, mode: 0o700 };
    yield { ...facts, path: `${path}/work`, problem: 'it is missing', fix };
  }
  if (!directory.hasCommitted && isOfOurs(survey, layer.chainId)) {
    const fix: Fix = { kind: 'write', path: `${path}/committed`, text: '', mode: 0o600 };
    yield { ...facts, path: `${path}/committed`, problem: 'it is missing', fix };
  }
}

/** dockerd marks a layer when something is stacked on it, older ones never did; tspull marks each. */
function isOfOurs({ view }: Survey, chainId: ChainId): boolean {
  return gzipWriter(`${view.root}/${recordPath(chainId)}/tar-split.json.gz`) === 'tspull';
}

/** What mounts need: its short name, and those of what it stands on. Also of a container's directories. */
export function* checkStack(
  { links }: Survey,
  truths: Truths,
  cacheId: string,
  directory: RawDirectory,
): Generator<Finding> {
  const path = `overlay2/${cacheId}`;
  const link = truths.links.get(cacheId);
  if (link === undefined) {
    const problem = 'it is wrong or missing, and no short name leads to the directory';
    const fix = none('containers and layers that stand on it, if any, name it in their file "lower"');
    yield { area: 'layer-directory', cacheId, path: `${path}/link`, problem, found: directory.link, fix };
    return;
  }
  if (directory.link !== link) {
    const fix: Fix = { kind: 'write', path: `${path}/link`, text: link, mode: 0o644 };
    const found = directory.link;
    yield differing({ area: 'layer-directory', cacheId, path: `${path}/link`, expected: link, found, fix });
  }
  if (targetOf(links.get(link)) !== cacheId) {
    const target = `../${cacheId}/diff`;
    const fix: Fix = { kind: 'symlink', path: `overlay2/l/${link}`, target };
    const found = links.get(link);
    yield differing({ area: 'short-link', cacheId, path: `overlay2/l/${link}`, expected: target, found, fix });
  }
  const lower = truths.lowers.get(cacheId);
  if (lower === undefined) return;
  const text = lower.join(':');
  if ((directory.lower ?? '') !== text || directory.hasLower !== lower.length > 0) {
    const at = `${path}/lower`;
    const fix: Fix = text === '' ? { kind: 'remove', path: at } : { kind: 'write', path: at, text, mode: 0o644 };
    const found = directory.lower;
    yield differing({ area: 'layer-directory', cacheId, path: at, expected: text || undefined, found, fix });
  }
}
