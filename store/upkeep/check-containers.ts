/**
 * The layers of containers, dockerd's and ours. What a container wrote has no other copy: nothing here is ever removed, and only what can
 * be told from other files is written.
 */
import { type ChainId, isDigest } from '../oci/digest.js';
import { checkStack } from './check-layers.js';
import type { Finding, Fix } from './finding.js';
import { lowerAbove, type Truths, targetOf } from './layer-truths.js';
import { isHex, layerDb, type RawMount, type Survey } from './survey.js';

const keep = (why: string): Fix => ({ kind: 'none', why });

export function* checkContainers(survey: Survey, truths: Truths): Generator<Finding> {
  for (const [id, mount] of survey.mounts) if (isHex(id)) yield* checkMount(survey, truths, id, mount);
  yield* ownContainers(survey);
}

interface MountTruth {
  mountId: string | undefined;
  initId: string | undefined;
  parent: ChainId | undefined;
}

function* checkMount(survey: Survey, truths: Truths, id: string, mount: RawMount): Generator<Finding> {
  const path = `${layerDb}/mounts/${id}`;
  const facts = { area: 'container', container: id } as const;
  const truth = mountTruth(survey, truths, id, mount);
  const fields: [string, string | undefined, string | undefined, boolean][] = [
    ['mount-id', mount.mountId, truth.mountId, true],
    ['init-id', mount.initId, truth.initId, truth.initId !== undefined],
    ['parent', mount.parent, truth.parent, mount.hasParent || truth.parent !== undefined],
  ];
  for (const [name, found, expected, isNeeded] of fields) {
    if (!isNeeded || (found === expected && expected !== undefined)) continue;
    const fix: Fix =
      expected === undefined
        ? keep('nothing tells what it was: the directory of the container is kept')
        : { kind: 'write', path: `${path}/${name}`, text: expected, mode: 0o644 };
    const problem = found === undefined ? 'it is missing or cannot be read' : 'it is wrong';
    yield { ...facts, path: `${path}/${name}`, problem, expected, found, fix };
  }
  yield* checkStackOf(survey, truths, id, truth);
}

/** What the entry should say, where its own files, the directories and the record of one of our containers agree in part. */
function mountTruth(survey: Survey, truths: Truths, id: string, mount: RawMount): MountTruth {
  const { directories, view } = survey;
  const own = ownRecord(survey, id);
  const exists = (name: string | undefined) => (name !== undefined && directories.has(name) ? name : undefined);
  const fromInit = mount.initId?.endsWith('-init') ? mount.initId.slice(0, -'-init'.length) : undefined;
  const mountId = exists(mount.mountId) ?? exists(own?.mountId) ?? exists(fromInit);
  const init = mountId === undefined ? undefined : `${mountId}-init`;
  const hasInit = view.stat(`${layerDb}/mounts/${id}/init-id`) !== undefined || exists(init) !== undefined;
  const parent = truths.layers.has(mount.parent as ChainId) ? (mount.parent as ChainId) : undefined;
  const lowest = mountId === undefined ? undefined : directories.get(exists(init) ?? mountId);
  return { mountId, initId: hasInit ? init : undefined, parent: parent ?? layerBelow(survey, truths, lowest?.lower) };
}

/** The layer whose directory the first entry of a `lower` leads to. */
function layerBelow({ links }: Survey, truths: Truths, lower: string | undefined): ChainId | undefined {
  const target = targetOf(links.get(lower?.split(':')[0]?.slice('l/'.length) ?? ''));
  if (target === undefined) return undefined;
  for (const { chainId, cacheId } of truths.layers.values()) if (cacheId === target) return chainId;
  return undefined;
}

function* checkStackOf(survey: Survey, truths: Truths, container: string, truth: MountTruth): Generator<Finding> {
  const { directories } = survey;
  const { mountId, initId, parent } = truth;
  const lowers = new Map(truths.lowers);
  const top = parent === undefined ? undefined : truths.layers.get(parent)?.cacheId;
  let below = parent === undefined ? [] : lowerAbove(top, truths.links, lowers);
  for (const name of [initId, mountId]) {
    const directory = name === undefined ? undefined : directories.get(name);
    if (name === undefined || directory === undefined) continue;
    lowers.set(name, below);
    if (!directory.hasDiff)
      yield {
        area: 'container',
        container,
        cacheId: name,
        path: `overlay2/${name}/diff`,
        problem: 'the tree of a container is missing',
        fix: keep('what the container wrote has no other copy'),
      };
    for (const finding of checkStack(survey, { ...truths, lowers }, name, directory))
      yield { ...finding, area: 'container', container };
    below = lowerAbove(name, truths.links, lowers);
  }
}

interface OwnRecord {
  mountId: string | undefined;
  chainId: string | undefined;
}

function ownRecord({ view }: Survey, id: string): OwnRecord | undefined {
  const bytes = view.read(`tspull/containers/${id}/record.json`, 16 * 1024 * 1024);
  if (typeof bytes === 'string') return undefined;
  try {
    const record: unknown = JSON.parse(bytes.toString('utf8'));
    const text = (of: unknown, key: string): string | undefined => {
      const value = typeof of === 'object' && of !== null ? Reflect.get(of, key) : undefined;
      return typeof value === 'string' ? value : undefined;
    };
    const image = typeof record === 'object' && record !== null ? Reflect.get(record, 'image') : undefined;
    return { mountId: text(record, 'mountId'), chainId: text(image, 'chainId') };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A container whose entry is gone stands on layers that could be removed: the entry is made again from its record. */
function* ownContainers(survey: Survey): Generator<Finding> {
  const { view, mounts, directories } = survey;
  for (const id of view.names('tspull/containers').filter(isHex)) {
    const container = id;
    const path = `tspull/containers/${id}/record.json`;
    const record = ownRecord(survey, id);
    if (record?.mountId === undefined) {
      // One that is being made or removed has no record for a moment.
      if (view.stat(path) === undefined) continue;
      const fix = keep('remove the container by force when it is not needed any more');
      yield { area: 'container', container, path, problem: 'the record of a container cannot be read', fix };
      continue;
    }
    const { mountId, chainId } = record;
    if (mounts.has(id) || !directories.has(mountId)) continue;
    const entry = `${layerDb}/mounts/${id}`;
    const facts = { area: 'container', container, cacheId: mountId, problem: 'it is missing' } as const;
    const directory: Fix = { kind: 'directory', path: entry, mode: 0o755 };
    yield { ...facts, path: entry, fix: directory };
    const fields = { 'mount-id': mountId, 'init-id': `${mountId}-init`, ...(isDigest(chainId) && { parent: chainId }) };
    for (const [name, text] of Object.entries(fields))
      yield { ...facts, path: `${entry}/${name}`, fix: { kind: 'write', path: `${entry}/${name}`, text, mode: 0o644 } };
  }
}
