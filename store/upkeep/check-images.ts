/** Configs of images, their metadata, their names, and the manifests that tspull keeps. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { parseRepositories, type Repositories, serializeRepositories } from '../images/repositories.js';
import { copyOf, digestInCopy } from '../images/repositories-file.js';
import { digestOf, type ImageId } from '../oci/digest.js';
import type { Finding, Fix } from './finding.js';
import { bytesOf, contentDir, isHex, type Survey } from './survey.js';

const metadataDir = 'image/overlay2/imagedb/metadata/sha256';
const namesPath = 'image/overlay2/repositories.json';
const copyPath = `${namesPath}.last-good`;
const MAX_NAMES_BYTES = 256 * 1024 * 1024;
const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

export function* checkImages(survey: Survey): Generator<Finding> {
  yield* checkConfigs(survey);
  yield* checkMetadata(survey);
  yield* checkNames(survey);
  yield* checkManifests(survey);
}

/**
 * Ids that names stand for. Not those of containers: an image may be removed by force under a container, which keeps its layers.
 */
export function neededImages(survey: Survey): Map<ImageId, string> {
  const needed = new Map<ImageId, string>();
  for (const keys of readNames(survey)?.values() ?? [])
    for (const [key, id] of keys) if (/^sha256:[0-9a-f]{64}$/.test(id)) needed.set(id, key);
  return needed;
}

/** Of the file, or where that is damaged of its copy. */
export function readNames({ view }: Survey): Repositories | undefined {
  for (const path of [namesPath, copyPath]) {
    const bytes = view.read(path, MAX_NAMES_BYTES);
    const names = typeof bytes === 'string' ? undefined : parsed(bytes.toString('utf8'));
    if (names !== undefined) return names;
  }
  return undefined;
}

function* checkConfigs(survey: Survey): Generator<Finding> {
  const facts = { area: 'image' } as const;
  for (const image of survey.badImages)
    yield {
      ...facts,
      image,
      path: `${contentDir}/${image.slice(7)}`,
      problem: 'the config is not what its name says',
      expected: image,
      fix: { kind: 'fetch-config', image },
    };
  for (const [image, why] of neededImages(survey)) {
    const path = `${contentDir}/${image.slice(7)}`;
    if (survey.images.has(image) || survey.badImages.includes(image) || survey.view.stat(path) !== undefined) continue;
    yield {
      ...facts,
      image,
      path,
      problem: 'the config is missing',
      found: `needed by ${why}`,
      fix: { kind: 'fetch-config', image },
    };
  }
}

function* checkMetadata({ view, images, isDaemonRunning }: Survey): Generator<Finding> {
  for (const hex of view.names(metadataDir).filter(isHex)) {
    const image = `sha256:${hex}` as ImageId;
    const path = `${metadataDir}/${hex}`;
    const facts = { area: 'image', image } as const;
    if (view.stat(`${contentDir}/${hex}`) === undefined) {
      if (!isDaemonRunning)
        yield { ...facts, area: 'orphan', path, problem: 'metadata of no image', fix: { kind: 'remove', path } };
      continue;
    }
    const parent = view.text(`${path}/parent`)?.trim();
    if (view.stat(`${path}/parent`) !== undefined && !images.has(parent as ImageId)) {
      const problem = 'the image that it was built from is not here';
      const fix: Fix = { kind: 'remove', path: `${path}/parent` };
      yield { ...facts, path: `${path}/parent`, problem, found: parent, fix };
    }
    const time = view.text(`${path}/lastUpdated`);
    if (view.stat(`${path}/lastUpdated`) !== undefined && !isTime(time)) {
      const fix: Fix = { kind: 'remove', path: `${path}/lastUpdated` };
      yield { ...facts, path: `${path}/lastUpdated`, problem: 'it is no time', found: time, fix };
    }
  }
}

/** RFC 3339 as Go writes it. */
function isTime(text: string | undefined): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text ?? '') &&
    !Number.isNaN(Date.parse(text ?? ''))
  );
}

function parsed(text: string): Repositories | undefined {
  try {
    return parseRepositories(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function* checkNames(survey: Survey): Generator<Finding> {
  const { view, images, badImages } = survey;
  const facts = { area: 'names', path: namesPath } as const;
  const [bytes, copyBytes] = [view.read(namesPath, MAX_NAMES_BYTES), view.read(copyPath, MAX_NAMES_BYTES)];
  const copy = typeof copyBytes === 'string' ? undefined : digestInCopy(copyBytes.toString('utf8'));
  if (typeof bytes === 'string') {
    if (images.size === 0 && copy === undefined) return;
    return yield { ...facts, problem: 'it is missing or cannot be read', fix: { kind: 'recover-names' } };
  }
  const text = bytes.toString('utf8');
  const names = parsed(text);
  if (names === undefined)
    return yield { ...facts, problem: 'dockerd would not start with it', fix: { kind: 'recover-names' } };
  const isTheCopied = copy !== undefined && isOlderThanCopy(view.root);
  if (isTheCopied && copy.isIntact && digestOf(text) !== copy.digest)
    return yield { ...facts, problem: 'it has changed since it was written', fix: { kind: 'recover-names' } };
  const isOld = copy === undefined && isPlainCopy(bytesOf(copyBytes)?.toString('utf8') ?? '');
  if ((copyBytes !== 'absent' && !isOld && copy?.isIntact !== true) || (copyBytes === 'absent' && isOurs(survey))) {
    const fix: Fix = { kind: 'write', path: copyPath, text: copyOf(serializeRepositories(names)), mode: 0o600 };
    yield { ...facts, path: copyPath, problem: 'the copy of the names is damaged or missing', fix };
  }
  for (const [name, keys] of names)
    for (const [key, id] of keys) {
      if (!key.startsWith(`${name}:`) && !key.startsWith(`${name}@sha256:`))
        yield { ...facts, problem: 'a key does not belong to its name', found: key, fix: { kind: 'recover-names' } };
      // A missing image that can be had again is a finding of its own.
      if (!/^sha256:[0-9a-f]{64}$/.test(id) && !images.has(id) && !badImages.includes(id))
        yield {
          ...facts,
          problem: 'a name stands for no image',
          found: `${key} ${id}`,
          fix: { kind: 'recover-names' },
        };
    }
}

/** As earlier versions made them, without a digest. */
function isPlainCopy(text: string): boolean {
  const names = parsed(text);
  return names !== undefined && serializeRepositories(names) === text;
}

/** Whoever replaces the file afterwards, dockerd above all, makes a new one, which is younger than the copy. */
function isOlderThanCopy(root: string): boolean {
  try {
    const born = statSync(join(root, namesPath), { bigint: true }).birthtimeNs;
    return born > 0n && born <= statSync(join(root, copyPath), { bigint: true }).mtimeNs;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** tspull has recorded an image here. */
function isOurs({ view }: Survey): boolean {
  return view.names('tspull/layers').length > 0;
}

function* checkManifests({ view, images }: Survey): Generator<Finding> {
  for (const hex of view.names('tspull/manifests').filter(isHex)) {
    const image = `sha256:${hex}` as ImageId;
    if (!images.has(image)) continue;
    for (const name of view.names(`tspull/manifests/${hex}`)) {
      const path = `tspull/manifests/${hex}/${name}`;
      const bytes = view.read(path, MAX_MANIFEST_BYTES);
      const algorithm = name.length === 128 ? 'sha512' : 'sha256';
      if (typeof bytes !== 'string' && digestOf(bytes, algorithm) === `${algorithm}:${name}`) continue;
      const problem = 'a kept manifest is not what its name says';
      yield { area: 'private', image, path, problem, fix: { kind: 'fetch-manifest', image, path } };
    }
  }
}
