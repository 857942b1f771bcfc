/**
 * What the records of layers should say. A layer's name is a digest over its diffID and its parent, so both can be proven; which
 * directory in overlay2 is its own, and what that one is called in `l/`, is told by several files, of which one may be wrong.
 */
import { type ChainId, chainIdOf, type DiffId } from '../oci/digest.js';
import { validMemo } from './memos.js';
import type { RawDirectory, Survey } from './survey.js';

export interface LayerTruth {
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  readonly parent: ChainId | undefined;
  /** The directory of its tree, as far as that is beyond doubt. */
  readonly cacheId: string | undefined;
  /** Directories that it may be instead. */
  readonly candidates: readonly string[];
  /** The one of them that children, containers or our memory name. */
  readonly likely: string | undefined;
}

export interface Truths {
  /** Parents before children. */
  readonly layers: ReadonlyMap<ChainId, LayerTruth>;
  /** Records of which nothing says what they should be, and no image needs them. */
  readonly unknown: readonly ChainId[];
  /** Directory → its name in `l/`; undefined where nothing tells. */
  readonly links: ReadonlyMap<string, string | undefined>;
  /** Directory → what it should have as `lower`; undefined where something below it is in doubt. */
  readonly lowers: ReadonlyMap<string, readonly string[] | undefined>;
}

type Proven = Pick<LayerTruth, 'chainId' | 'diffId' | 'parent'>;

export function layerTruths(survey: Survey): Truths {
  const proven = inOrder(provenLayers(survey));
  const unknown = [...survey.records.keys()].filter((chainId) => !proven.has(chainId));
  const layers = assignDirectories(survey, proven);
  const links = linkNames(survey, layers);
  const lowers = new Map<string, readonly string[] | undefined>();
  for (const { cacheId, parent } of layers.values()) {
    if (cacheId === undefined) continue;
    lowers.set(cacheId, parent === undefined ? [] : lowerAbove(layers.get(parent)?.cacheId, links, lowers));
  }
  return { layers, unknown, links, lowers };
}

/** What stands on a directory has as its `lower`. */
export function lowerAbove(
  cacheId: string | undefined,
  links: Truths['links'],
  lowers: Truths['lowers'],
): string[] | undefined {
  const [link, below] = cacheId === undefined ? [] : [links.get(cacheId), lowers.get(cacheId)];
  return link === undefined || below === undefined ? undefined : [`l/${link}`, ...below];
}

function provenLayers({ known, records, view }: Survey): Map<ChainId, Proven> {
  const proven = new Map<ChainId, Proven>(known);
  const unproven = [...records.keys()].filter((chainId) => !proven.has(chainId));
  if (unproven.length === 0) return proven;
  let diffs: string[] | undefined;
  const allDiffs = (): string[] => {
    diffs ??= view.names('image/overlay2/distribution/v2metadata-by-diffid/sha256').map((hex) => `sha256:${hex}`);
    return diffs;
  };
  for (const chainId of unproven) {
    const record = records.get(chainId);
    const diff = record?.diff?.trim();
    const parent = record?.parent?.trim();
    const fits = (diffId: string | undefined, below: string | undefined): boolean =>
      isDigestText(diffId) &&
      (below === undefined || isDigestText(below)) &&
      chainIdOf(diffId as DiffId, below as ChainId | undefined) === chainId;
    const found =
      [parent, undefined, ...records.keys()].map((below) => [diff, below] as const).find(([d, b]) => fits(d, b)) ??
      allDiffs()
        .map((d) => [d, parent] as const)
        .find(([d, b]) => fits(d, b));
    if (found === undefined) continue;
    const [diffId, below] = found;
    proven.set(chainId, { chainId, diffId: diffId as DiffId, parent: below as ChainId | undefined });
  }
  return proven;
}

function isDigestText(text: string | undefined): text is string {
  return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text);
}

function inOrder(layers: ReadonlyMap<ChainId, Proven>): Map<ChainId, Proven> {
  const ordered = new Map<ChainId, Proven>();
  for (const chainId of layers.keys()) {
    const line: Proven[] = [];
    for (let at = layers.get(chainId); at !== undefined && !ordered.has(at.chainId); ) {
      line.push(at);
      at = at.parent === undefined ? undefined : layers.get(at.parent);
    }
    for (const layer of line.reverse()) ordered.set(layer.chainId, layer);
  }
  return ordered;
}

/** A directory that two records claim belongs to the one whose children, or containers, stand on it. */
function assignDirectories(survey: Survey, proven: ReadonlyMap<ChainId, Proven>): Map<ChainId, LayerTruth> {
  const { records, directories } = survey;
  const claims = new Map<string, ChainId[]>();
  for (const chainId of proven.keys()) {
    const claimed = records.get(chainId)?.cacheId?.trim();
    if (claimed !== undefined && directories.has(claimed))
      claims.set(claimed, [...(claims.get(claimed) ?? []), chainId]);
  }
  const stoodOn = directoriesStoodOn(survey, proven);
  const owned = new Map<ChainId, string>();
  for (const [directory, claimants] of claims) {
    const owner =
      claimants.length === 1 ? claimants : claimants.filter((chainId) => stoodOn.get(chainId)?.has(directory));
    if (owner.length === 1 && owner[0] !== undefined) owned.set(owner[0], directory);
  }
  const taken = new Set([...owned.values(), ...containerDirectories(survey)]);
  const free = [...directories.keys()].filter((name) => !taken.has(name));
  const layers = new Map<ChainId, LayerTruth>();
  for (const layer of proven.values()) {
    const cacheId = owned.get(layer.chainId);
    if (cacheId !== undefined) {
      layers.set(layer.chainId, { ...layer, cacheId, candidates: [], likely: undefined });
      continue;
    }
    const remembered = validMemo(survey, layer)?.cacheId;
    const named = [...(remembered === undefined ? [] : [remembered]), ...(stoodOn.get(layer.chainId) ?? [])];
    const [likely] = named.filter((name) => free.includes(name));
    const candidates = [...new Set([...(likely === undefined ? [] : [likely]), ...free])];
    layers.set(layer.chainId, { ...layer, cacheId, candidates, likely });
  }
  return layers;
}

/** Directories of containers, whatever is in them; also of those that have lost their entry in mounts. */
export function containerDirectories({ mounts, directories }: Survey): Set<string> {
  const names = new Set<string>();
  for (const { mountId, initId } of mounts.values())
    for (const name of [mountId, initId]) if (name !== undefined && directories.has(name)) names.add(name);
  for (const name of directories.keys()) {
    if (!name.endsWith('-init')) continue;
    names.add(name);
    if (directories.has(name.slice(0, -'-init'.length))) names.add(name.slice(0, -'-init'.length));
  }
  return names;
}

/** For each layer the directories that the `lower` of its children, or of containers on it, begins with. */
function directoriesStoodOn(
  { records, directories, links, mounts }: Survey,
  proven: ReadonlyMap<ChainId, Proven>,
): Map<ChainId, Set<string>> {
  const found = new Map<ChainId, Set<string>>();
  const note = (layer: ChainId, directory: RawDirectory | undefined) => {
    const first = directory?.lower?.split(':')[0];
    const target = first?.startsWith('l/') ? targetOf(links.get(first.slice(2))) : undefined;
    if (target !== undefined && directories.has(target)) found.set(layer, (found.get(layer) ?? new Set()).add(target));
  };
  for (const { chainId, parent } of proven.values()) {
    const claimed = records.get(chainId)?.cacheId?.trim();
    if (parent !== undefined && claimed !== undefined) note(parent, directories.get(claimed));
  }
  for (const { parent, mountId, initId } of mounts.values())
    if (parent !== undefined && proven.has(parent as ChainId))
      note(parent as ChainId, directories.get(initId ?? mountId ?? ''));
  return found;
}

/** The directory that a link in `l/` names. */
export function targetOf(text: string | undefined): string | undefined {
  return /^\.\.\/([^/]+)\/diff$/.exec(text ?? '')?.[1];
}

/** `link` and the link itself confirm each other; where they do not, what stands on the directory decides. */
function linkNames(survey: Survey, layers: ReadonlyMap<ChainId, LayerTruth>): Map<string, string | undefined> {
  const { directories, links } = survey;
  const owners = new Map([...layers.values()].map((layer) => [layer.cacheId, layer]));
  const byTarget = new Map<string, string[]>();
  for (const [name, text] of links) {
    const target = targetOf(text);
    if (target !== undefined) byTarget.set(target, [...(byTarget.get(target) ?? []), name]);
  }
  const used = new Set([...directories.values()].flatMap(({ lower }) => lower?.split(':') ?? []));
  const names = new Map<string, string | undefined>();
  for (const [directory, { link }] of directories) {
    const pointing = byTarget.get(directory) ?? [];
    const written = link !== undefined && /^[^/\0:]{1,255}$/.test(link) && !/^\.\.?$/.test(link) ? link : undefined;
    const isConfirmed = written !== undefined && (pointing.includes(written) || used.has(`l/${written}`));
    const other = pointing.find((name) => used.has(`l/${name}`)) ?? pointing[0];
    const owner = isConfirmed || other !== undefined ? undefined : owners.get(directory);
    const remembered = owner === undefined ? undefined : validMemo(survey, owner)?.link;
    names.set(directory, isConfirmed ? written : (other ?? remembered ?? written));
  }
  return names;
}
