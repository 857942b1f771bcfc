/**
 * What `docker save` writes, as Docker's image specification 1.2 has it ("Combined Image JSON + Filesystem Changeset Format"):
 *
 *     manifest.json      [{"Config": PATH, "RepoTags": ["name:tag", …], "Layers": [PATH, …]}, …]  lowest layer first
 *     <id>.json          the config of an image
 *     <id>/layer.tar     a layer, or a symbolic link to one that is there already
 *
 * Docker 25 and later write configs and layers as `blobs/sha256/<digest>`, and an OCI layout around them; podman and skopeo
 * write `<diffID>.tar`; others compress the layers. Paths are free: what counts is the config's diffIDs. `RepoDigests` is our own:
 * names by the digest of a manifest, which lies in `blobs/`.
 */
import { KnownError } from '../errors.js';
import type { FileRange } from '../fs/file-range.js';
import { verifyDigest } from '../oci/descriptor.js';
import { type ChainId, chainIdsOf, type DiffId, type Digest, isDigest } from '../oci/digest.js';
import { fieldsOf, stringField, stringsField, wrong, wrongField } from '../oci/fields.js';
import { type ImageConfig, layersDoNotMatch, maxConfigBytes, parseImageConfig } from '../oci/image-config.js';
import { assertStackable, maxManifestBytes } from '../oci/manifest.js';
import { parseStrictJson } from '../oci/strict-json.js';
import { printable } from '../printable.js';
import { type DocumentReader, type ImageFiles, missingFile } from './image-files.js';

/** One image as `manifest.json` lists it; nothing of it has been read yet. */
export interface ListedImage {
  readonly config: string;
  /** Names as written, maybe none. */
  readonly tags: readonly string[];
  /** Lowest first. */
  readonly layers: readonly string[];
  /** `name@digest` as written; nothing says yet that they are right. */
  readonly digests: readonly string[];
}

export interface ArchivedImage {
  readonly configBytes: Buffer;
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly ArchivedLayer[];
}

export interface ArchivedLayer {
  /** Of the uncompressed layer; the file may be compressed. */
  readonly diffId: DiffId;
  /** Undefined where a bundle relies on a layer that is there already. */
  readonly range: FileRange | undefined;
  /** Of the file, where its name promises one. */
  readonly digest: Digest | undefined;
}

const maxImages = 1000;
const keys = ['Config', 'RepoTags', 'Layers', 'Parent', 'LayerSources', 'RepoDigests'];

/** @throws KnownError E_ARCHIVE, E_DOCUMENT */
export function listArchivedImages(files: ImageFiles, documents: DocumentReader): ListedImage[] {
  if (files.find('manifest.json') === undefined) throw notADockerArchive(files);
  const bytes = documents.read('manifest.json', 'manifest.json', maxManifestBytes);
  const images = parseStrictJson(bytes, { what: 'manifest.json', numbers: 'any' });
  if (!Array.isArray(images)) throw wrong('manifest.json', 'is not an array');
  if (images.length > maxImages) throw wrong('manifest.json', `lists ${images.length} images, more than ${maxImages}`);
  return images.map((image, at) => {
    const fields = fieldsOf(image, `manifest.json: image ${at}`, keys);
    const config = stringField(fields, 'Config');
    if (config === undefined || config === '') throw wrongField(fields, 'Config', 'a path');
    const strings = (key: string) => stringsField(fields, key) ?? [];
    return { config, tags: strings('RepoTags'), layers: strings('Layers'), digests: strings('RepoDigests') };
  });
}

function notADockerArchive(files: ImageFiles): KnownError {
  const name = printable(files.name, 300);
  const isLayout = files.find('index.json') !== undefined;
  return new KnownError('E_ARCHIVE', `"${name}" has no manifest.json, so it is not what docker save writes`, {
    hint: isLayout ? `it looks like an OCI layout: write oci-archive:${name}` : 'make it by docker save or podman save',
  });
}

/**
 * @param base of a bundle: the layers of these chainIDs, and those below them, may be missing
 * @throws KnownError E_ARCHIVE, E_DOCUMENT, E_UNSUPPORTED, E_VERIFY
 */
export function openArchivedImage(
  files: ImageFiles,
  documents: DocumentReader,
  image: ListedImage,
  base: ReadonlySet<ChainId> = new Set(),
): ArchivedImage {
  const configBytes = documents.read(image.config, 'the image config', maxConfigBytes);
  const promised = blobDigest(image.config) ?? configDigest(image.config);
  if (promised !== undefined) verifyDigest(configBytes, promised, 'image config');
  const config = parseImageConfig(configBytes);
  assertStackable(image.layers.length);
  const uppermost = chainIdsOf(config.diffIds).findLastIndex((chainId) => base.has(chainId));
  const layers = image.layers.map((path, at): ArchivedLayer => {
    const diffId = config.diffIds[at];
    if (diffId === undefined) throw layersDoNotMatch();
    const range = files.find(path);
    if (range === undefined && at > uppermost) throw missingFile(files, path, `layer ${at}`);
    return { diffId, range, digest: blobDigest(path) };
  });
  if (layers.length !== config.diffIds.length) throw layersDoNotMatch();
  return { configBytes, config, layers };
}

/** `blobs/sha256/<hex>` (image-spec image-layout.md, "Blobs"). */
function blobDigest(path: string): Digest | undefined {
  const digest = /^(?:\.\/)?blobs\/(\w+)\/(\w+)$/.exec(path)?.slice(1).join(':');
  return isDigest(digest) ? digest : undefined;
}

/** Configs are called by the image's id: `<hex>.json`, or `sha256:<hex>` by go-containerregistry. */
function configDigest(path: string): Digest | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{64})(?:\.json)?$/.exec(path)?.[1];
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
