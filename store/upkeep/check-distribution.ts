/** What is remembered of registries, Docker's memory and ours. Both only save requests; but a wrong one sends them elsewhere. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { type LayerMemo, type LayerSource, parseLayerMemo } from '../layers/layer-memo.js';
import { type ChainId, type DiffId, digestOf, isDigest } from '../oci/digest.js';
import type { Finding, Fix } from './finding.js';
import type { LayerTruth, Truths } from './layer-truths.js';
import { MAX_RECORD_BYTES, memoAnew, memoPath, type Source, validMemo } from './memos.js';
import { isHex, recordPath, type Survey } from './survey.js';

const home = 'image/overlay2/distribution';
const byDigest = (hex: string): string => `${home}/diffid-by-digest/sha256/${hex}`;
const byDiffId = (hex: string): string => `${home}/v2metadata-by-diffid/sha256/${hex}`;
/** dockerd forgets the oldest beyond these. */
const MAX_SOURCES = 50;

export function* checkDistribution(survey: Survey, truths: Truths): Generator<Finding> {
  const sources = readAllSources(survey);
  const wrong = new Set<string>();
  for (const finding of checkMemos(survey, truths, sources)) {
    wrong.add(finding.path);
    yield finding;
  }
  yield* checkMappings(survey, sources, (path) => wrong.has(path));
}

/** diffID (digits) → its sources; undefined for a file that is damaged. */
type Sources = ReadonlyMap<string, readonly Source[] | undefined>;

function readAllSources({ view }: Pick<Survey, 'view'>): Sources {
  const names = view.names(byDiffId('').slice(0, -1)).filter(isHex);
  return new Map(names.map((hex) => [hex, parseSources(view.text(byDiffId(hex)))]));
}

function parseSources(text: string | undefined): readonly Source[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (value === null) return [];
    return Array.isArray(value) && value.every(isSource) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isSource(value: unknown): value is Source {
  if (typeof value !== 'object' || value === null) return false;
  const text = (key: string) => typeof Reflect.get(value, key) === 'string';
  return isDigest(Reflect.get(value, 'Digest')) && text('SourceRepository') && text('HMAC');
}

function* checkMemos(survey: Survey, truths: Truths, sources: Sources): Generator<Finding> {
  const { view } = survey;
  for (const hex of view.names('tspull/layers').filter(isHex)) {
    const chainId = `sha256:${hex}` as ChainId;
    const layer = truths.layers.get(chainId);
    const path = memoPath(chainId);
    const facts = { area: 'private', path, layer: chainId } as const;
    const memo = parseLayerMemo(view.text(path) ?? '');
    if (layer === undefined) {
      if (!survey.isDaemonRunning)
        yield { ...facts, area: 'orphan', problem: 'a memo of no layer', fix: { kind: 'remove', path } };
      continue;
    }
    if (memo === undefined) {
      const fix = memoAnew(survey, truths, layer, sources.get(layer.diffId.slice(7)) ?? []);
      yield { ...facts, problem: 'what is remembered of the layer is damaged', fix };
      continue;
    }
    if (validMemo(survey, layer) === undefined) continue;
    yield* checkRecordDigest(survey, layer, memo);
    if (memo.source?.blob.startsWith('sha256:')) yield* checkSource(survey, layer, memo.source, sources);
  }
}

/** Its bytes before the first compressed one, and some bits after the last, say nothing: only a digest covers these. */
function* checkRecordDigest({ view }: Survey, { chainId, cacheId }: LayerTruth, memo: LayerMemo): Generator<Finding> {
  const path = `${recordPath(chainId)}/tar-split.json.gz`;
  const bytes = view.read(path, MAX_RECORD_BYTES);
  if (typeof bytes === 'string' || digestOf(bytes) === memo.record) return;
  const problem = 'it has changed since it was written';
  yield { area: 'layer-record', path, layer: chainId, cacheId, problem, fix: { kind: 'fetch-layer', layer: chainId } };
}

function* checkSource(
  { view }: Survey,
  { chainId, diffId }: LayerTruth,
  { blob, repository }: LayerSource,
  all: Sources,
): Generator<Finding> {
  const hex = diffId.slice(7);
  const path = byDiffId(hex);
  const known = all.get(hex);
  const isThere = known?.some(({ Digest, SourceRepository }) => Digest === blob && SourceRepository === repository);
  if (!isThere && (known?.length ?? 0) < MAX_SOURCES && !isYounger(view.root, path, memoPath(chainId))) {
    const others = (known ?? []).filter((other) =>
      isLikely(other, diffId, blob, view.text(byDigest(other.Digest.slice(7)))),
    );
    const fixed = [...others, { Digest: blob, SourceRepository: repository, HMAC: '' }];
    const fix: Fix = { kind: 'write', path, text: JSON.stringify(fixed), mode: 0o644 };
    const problem = all.has(hex) ? 'it lacks the source of the layer' : 'it is missing';
    yield { area: 'distribution', path, layer: chainId, problem, expected: `${blob} of ${repository}`, fix };
  }
}

/** Not the same source with a rotten letter. */
function isLikely(other: Source, diffId: DiffId, blob: string, mapped: string | undefined): boolean {
  return other.Digest !== blob && mapped?.trim() === diffId;
}

function isYounger(root: string, path: string, than: string): boolean {
  const timeOf = (of: string, key: 'birthtimeNs' | 'mtimeNs') =>
    statSync(join(root, of), { bigint: true, throwIfNoEntry: false })?.[key];
  try {
    const [born, written] = [timeOf(path, 'birthtimeNs'), timeOf(than, 'mtimeNs')];
    return born !== undefined && written !== undefined && born > written;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** A source names a blob, and the blob names the layer again. The other way round Docker forgets some. */
function* checkMappings({ view }: Survey, all: Sources, isKnownWrong: (path: string) => boolean): Generator<Finding> {
  const area = 'distribution';
  const mapped = new Map(
    view
      .names(byDigest('').slice(0, -1))
      .filter(isHex)
      .map((hex) => [hex, view.text(byDigest(hex))?.trim()]),
  );
  const wanted = new Map<string, string>();
  for (const [hex, sources] of all) {
    const path = byDiffId(hex);
    if (isKnownWrong(path)) continue;
    if (sources === undefined) yield { area, path, problem: 'it is no list of sources', fix: { kind: 'remove', path } };
    const rotten = sources?.find(({ Digest }) => misspelt(Digest, hex, sources, mapped) !== undefined);
    const right = rotten && misspelt(rotten.Digest, hex, sources ?? [], mapped);
    if (rotten === undefined) for (const { Digest } of sources ?? []) wanted.set(Digest.slice(7), `sha256:${hex}`);
    else {
      const text = JSON.stringify(sources?.map((one) => (one === rotten ? { ...one, Digest: right } : one)));
      const fix: Fix = { kind: 'write', path, text, mode: 0o644 };
      yield { area, path, problem: 'it names a blob that nobody knows', expected: right, found: rotten.Digest, fix };
    }
  }
  for (const [hex, found] of mapped) {
    const path = byDigest(hex);
    const expected = wanted.get(hex);
    wanted.delete(hex);
    if (isDigest(found) && (expected === undefined ? all.has(found.slice(7)) : found === expected)) continue;
    const fix: Fix =
      expected === undefined ? { kind: 'remove', path } : { kind: 'write', path, text: expected, mode: 0o644 };
    yield { area, path, problem: 'it names no layer that has this blob', expected, found, fix };
  }
  for (const [hex, expected] of wanted) {
    const fix: Fix = { kind: 'write', path: byDigest(hex), text: expected, mode: 0o644 };
    yield { area, path: byDigest(hex), problem: 'it is missing', expected, fix };
  }
}

/** What a digest that has no file of its own should be: a blob of that layer which differs in one letter and is in no list. */
function misspelt(
  digest: string,
  layer: string,
  sources: readonly Source[],
  mapped: ReadonlyMap<string, string | undefined>,
): string | undefined {
  if (mapped.has(digest.slice(7))) return undefined;
  for (const [hex, diffId] of mapped) {
    const other = `sha256:${hex}`;
    const differing = [...other].filter((letter, at) => letter !== digest[at]).length;
    const isListed = sources.some(({ Digest }) => Digest === other);
    if (diffId === `sha256:${layer}` && !isListed && differing === 1) return other;
  }
  return undefined;
}
