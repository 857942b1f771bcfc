/**
 * What nobody refers to. A directory that may hold what a container wrote is never called removable, nor one that anything stands on; and
 * none at all while a dockerd runs, which makes directories before it records them.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { errnoCode } from '../errors.js';
import { tryLock } from '../linux/flock.js';
import type { ChainId, ImageId } from '../oci/digest.js';
import { neededImages } from './check-images.js';
import type { Finding, Fix } from './finding.js';
import { containerDirectories, type Truths, targetOf } from './layer-truths.js';
import { bytesOf, isHex, layerDb, recordPath, type Survey } from './survey.js';

export function* checkOrphans(survey: Survey, truths: Truths): Generator<Finding> {
  if (survey.isDaemonRunning) return;
  const builds = namesInBuildCache(survey);
  yield* orphanDirectories(survey, truths, builds);
  yield* orphanLinks(survey, truths);
  yield* unusedLayers(survey, truths, builds);
  yield* leftovers(survey);
}

const MAX_DATABASE_BYTES = 512 * 1024 * 1024;

const remove = (path: string): Fix => ({ kind: 'remove', path });

/** BuildKit's snapshots are directories of overlay2 that only its own databases name, and layers that no image has. */
function namesInBuildCache({ view }: Survey): (name: string) => boolean {
  let files: Buffer[] | undefined;
  const read = (): Buffer[] =>
    view
      .names('buildkit')
      .filter((name) => name.endsWith('.db'))
      .flatMap((name) => bytesOf(view.read(`buildkit/${name}`, MAX_DATABASE_BYTES)) ?? []);
  return (name) => {
    files ??= read();
    return name !== '' && files.some((bytes) => bytes.includes(name));
  };
}

function* orphanDirectories(survey: Survey, truths: Truths, isOfBuild: (name: string) => boolean): Generator<Finding> {
  const owned = new Set([...truths.layers.values()].flatMap(({ cacheId }) => cacheId ?? []));
  const candidates = new Set(
    [...truths.layers.values()].flatMap(({ chainId, cacheId, candidates: all }) =>
      cacheId === undefined && survey.records.has(chainId) ? all : [],
    ),
  );
  const mounted = new Set([...survey.mounts.values()].flatMap(({ mountId = '', initId = '' }) => [mountId, initId]));
  const ofContainers = containerDirectories(survey);
  const stoodOn = directoriesBelowOthers(survey, owned);
  for (const cacheId of survey.directories.keys()) {
    if (owned.has(cacheId) || mounted.has(cacheId) || isOfBuild(cacheId)) continue;
    const path = `overlay2/${cacheId}`;
    const problem = 'no layer and no container has this directory';
    if (ofContainers.has(cacheId))
      yield {
        area: 'container',
        cacheId,
        path,
        problem: 'a directory of a container without an entry in mounts',
        fix: { kind: 'none', why: 'what the container wrote has no other copy' },
      };
    else if (stoodOn.has(cacheId))
      yield { area: 'orphan', cacheId, path, problem, fix: { kind: 'none', why: 'others stand on it' } };
    else if (candidates.has(cacheId))
      yield {
        area: 'orphan',
        cacheId,
        path,
        problem,
        fix: { kind: 'none', why: 'it may be that of a layer without one' },
      };
    else yield { area: 'orphan', cacheId, path, problem, fix: remove(path) };
  }
}

/** Directories that appear in the `lower` of another one that is not an orphan itself. */
function directoriesBelowOthers({ directories, links }: Survey, owned: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  for (const [name, { lower }] of directories)
    for (const entry of lower?.split(':') ?? []) {
      const target = targetOf(links.get(entry.slice('l/'.length)));
      if (target !== undefined && target !== name && !owned.has(target)) found.add(target);
    }
  return found;
}

function* orphanLinks({ links, directories }: Survey, truths: Truths): Generator<Finding> {
  const wanted = new Set(truths.links.values());
  const used = new Set([...directories.values()].flatMap(({ lower }) => lower?.split(':') ?? []));
  for (const [name, text] of links) {
    if (wanted.has(name) || used.has(`l/${name}`)) continue;
    const path = `overlay2/l/${name}`;
    yield { area: 'orphan', path, problem: 'no directory has this short name', found: text, fix: remove(path) };
  }
}

function* unusedLayers(survey: Survey, truths: Truths, isOfBuild: (name: string) => boolean): Generator<Finding> {
  const needed = new Set<ChainId>(survey.known.keys());
  for (const { parent } of survey.mounts.values())
    for (let at = truths.layers.get(parent as ChainId); at !== undefined; at = truths.layers.get(at.parent as ChainId))
      needed.add(at.chainId);
  // An image that cannot be read may need any of them.
  if (survey.badImages.length > 0 || [...neededImages(survey).keys()].some((id) => !survey.images.has(id))) return;
  const unused = [...truths.layers.values()].filter(({ chainId }) => !needed.has(chainId));
  for (const { cacheId, chainId } of unused)
    if (isHeld(survey, chainId) || (cacheId !== undefined && isOfBuild(cacheId)))
      for (let at = truths.layers.get(chainId); at !== undefined; at = truths.layers.get(at.parent as ChainId))
        needed.add(at.chainId);
  for (const { chainId: layer } of unused)
    if (!needed.has(layer))
      yield {
        area: 'orphan',
        layer,
        path: recordPath(layer),
        problem: 'no image and no container stands on this layer',
        fix: { kind: 'release', layer },
      };
}

/** A pull holds what it has brought until the image is recorded. */
function isHeld({ view }: Survey, chainId: ChainId): boolean {
  let fd: number;
  try {
    fd = openSync(
      `${view.root}/tspull/locks/${chainId.slice(7)}`,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    if (errnoCode(error) === undefined) throw error;
    return false;
  }
  try {
    return !tryLock(fd, 'exclusive');
  } finally {
    closeSync(fd);
  }
}

/** Of writers that were killed. */
function* leftovers(survey: Survey): Generator<Finding> {
  const { view } = survey;
  const named = neededImages(survey);
  const orphan = (path: string, problem: string): Finding => ({ area: 'orphan', path, problem, fix: remove(path) });
  for (const name of view.names(`${layerDb}/sha256`))
    if (/^[0-9a-f]{64}-[0-9a-f]+-removing$/.test(name))
      yield orphan(`${layerDb}/sha256/${name}`, 'a removal that did not come to its end');
  for (const name of view.names(`${layerDb}/tmp`))
    if (name.startsWith('write-set-')) yield orphan(`${layerDb}/tmp/${name}`, 'a record that was never finished');
  const places = ['image/overlay2', 'image/overlay2/imagedb/content/sha256', 'image/overlay2/distribution'];
  for (const place of places)
    for (const name of view.names(place))
      if (name.startsWith('.tmp-')) yield orphan(`${place}/${name}`, 'a file that was never finished');
  for (const name of view.names('tspull/manifests').filter(isHex))
    if (
      view.stat(`image/overlay2/imagedb/content/sha256/${name}`) === undefined &&
      !named.has(`sha256:${name}` as ImageId)
    )
      yield orphan(`tspull/manifests/${name}`, 'manifests of an image that is not here');
}
