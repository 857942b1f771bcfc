/**
 * The store of podman, buildah, skopeo and CRI-O (containers/storage) with its overlay driver:
 *
 *     overlay-images/images.json            [{"id", "names", "layer": top layer, …}]
 *     overlay-images/<id>/manifest          the manifest byte for byte
 *     overlay-images/<id>/=<base64 of key>  other documents; the key of the config is its digest
 *     overlay-layers/layers.json            [{"id", "parent", "diff-digest": diffID, …}]
 *     overlay-layers/<id>.tar-split.gz      what rebuilds the layer's archive
 *     overlay/<id>/diff/                    the layer's files
 *
 * Nothing of it is believed: configs are verified by the image's id, layers by their diffIDs when they are read.
 */
import { KnownError } from '../errors.js';
import type { ConfinedDirectory } from '../fs/confined-directory.js';
import { verifyDigest } from '../oci/descriptor.js';
import { type ChainId, chainIdsOf, type DiffId, isDigest } from '../oci/digest.js';
import { type Fields, fieldsOf, stringField, stringsField, wrong } from '../oci/fields.js';
import { maxConfigBytes, parseImageConfig } from '../oci/image-config.js';
import { maxManifestBytes, parseManifest } from '../oci/manifest.js';
import { type Json, parseStrictJson } from '../oci/strict-json.js';
import { printable } from '../printable.js';
import type { StoredLayer } from '../tar/rebuild-layer.js';

export interface ContainersStorage {
  readonly images: readonly ContainersImage[];
  /** @throws KnownError E_STORE, E_DOCUMENT, E_VERIFY, E_UNSUPPORTED */
  open(image: ContainersImage): OpenedImage;
}

export interface ContainersImage {
  /** 64 digits. */
  readonly id: string;
  readonly names: readonly string[];
  /** Id of the top layer; undefined for an image without layers. */
  readonly layer: string | undefined;
}

export interface OpenedImage {
  readonly configBytes: Buffer;
  readonly config: ReturnType<typeof parseImageConfig>;
  /** Undefined when there is none that names this config. */
  readonly manifest: Buffer | undefined;
  /** Lowest first. */
  readonly layers: readonly ForeignLayer[];
}

/** A layer of another store, which is opened when its turn has come. */
export interface ForeignLayer {
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  /** @throws KnownError E_STORE when files are missing */
  open(): StoredLayer;
}

/** Ten thousand layers have a tenth of it. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** @throws KnownError E_NOT_FOUND, E_STORE, E_DOCUMENT */
export function openContainersStorage(dir: ConfinedDirectory): ContainersStorage {
  const images = listOf(dir, 'overlay-images/images.json').map(imageOf);
  const layers = new Map(listOf(dir, 'overlay-layers/layers.json').map(layerOf));
  return { images, open: (image) => openImage(dir, layers, image) };
}

interface LayerEntry {
  parent: string | undefined;
  diffId: string | undefined;
}

function listOf(dir: ConfinedDirectory, path: string): Fields[] {
  const bytes = dir.read(path, MAX_LIST_BYTES);
  if (bytes === undefined)
    throw new KnownError(
      'E_NOT_FOUND',
      `"${printable(dir.name, 300)}" has no ${path}: it is no containers-storage with overlay`,
      {
        hint: 'podman info --format {{.Store.GraphRoot}} tells where it is',
      },
    );
  const list = parseStrictJson(bytes, { what: path, numbers: 'any' });
  if (!Array.isArray(list)) throw wrong(path, 'is not an array');
  return list.map((entry: Json, at) => fieldsOf(entry, `${path}: entry ${at}`, []));
}

function imageOf(fields: Fields): ContainersImage {
  return {
    id: idField(fields, 'id') ?? '',
    names: stringsField(fields, 'names') ?? [],
    layer: idField(fields, 'layer'),
  };
}

function layerOf(fields: Fields): [string, LayerEntry] {
  const entry = { parent: idField(fields, 'parent'), diffId: stringField(fields, 'diff-digest') };
  return [idField(fields, 'id') ?? '', entry];
}

/** Ids become parts of paths. */
function idField(fields: Fields, key: string): string | undefined {
  const id = stringField(fields, key);
  if (id === undefined || id === '') return undefined;
  if (/^[0-9a-f]{64}$/.test(id)) return id;
  throw wrong(fields.what, `has an "${key}" that is not 64 hexadecimal digits`);
}

function openImage(
  dir: ConfinedDirectory,
  layers: ReadonlyMap<string, LayerEntry>,
  image: ContainersImage,
): OpenedImage {
  const home = `overlay-images/${image.id}`;
  const manifest = dir.read(`${home}/manifest`, maxManifestBytes);
  const named = manifest === undefined ? undefined : configDigest(manifest);
  const digest = named ?? `sha256:${image.id}`;
  const key = Buffer.from(digest).toString('base64');
  const configBytes = dir.read(`${home}/=${key}`, maxConfigBytes);
  if (configBytes === undefined) throw incomplete(dir, image, `its config ${digest}`);
  if (!isDigest(digest)) throw incomplete(dir, image, 'a config');
  verifyDigest(configBytes, digest, 'image config');
  const config = parseImageConfig(configBytes);
  const chain = chainIdsOf(config.diffIds);
  const ids = idsFromTop(dir, layers, image);
  if (ids.length !== chain.length)
    throw incomplete(dir, image, `${chain.length} layers, which its config names: ${ids.length} are there`);
  const opened = ids.map((id, at): ForeignLayer => {
    const [diffId, chainId] = [config.diffIds[at], chain[at]];
    if (diffId === undefined || chainId === undefined || layers.get(id)?.diffId !== diffId)
      throw incomplete(dir, image, `layer ${at} as its config names it`);
    return { chainId, diffId, open: () => openLayer(dir, id, { chainId, diffId }) };
  });
  return { configBytes, config, manifest: named === undefined ? undefined : manifest, layers: opened };
}

/** Undefined for an index, and for a manifest of schema 1. */
function configDigest(bytes: Buffer): string | undefined {
  try {
    const manifest = parseManifest(bytes, undefined);
    return manifest.kind === 'manifest' ? manifest.config.digest : undefined;
  } catch (error) {
    if (error instanceof KnownError && (error.code === 'E_UNSUPPORTED' || error.code === 'E_DOCUMENT'))
      return undefined;
    throw error;
  }
}

/** Lowest first. */
function idsFromTop(dir: ConfinedDirectory, layers: ReadonlyMap<string, LayerEntry>, image: ContainersImage): string[] {
  const ids = new Set<string>();
  for (let next = image.layer; next !== undefined; next = layers.get(next)?.parent) {
    if (ids.has(next) || !layers.has(next)) throw incomplete(dir, image, `layer ${next}`);
    ids.add(next);
  }
  return [...ids].reverse();
}

function openLayer(dir: ConfinedDirectory, id: string, layer: Pick<StoredLayer, 'chainId' | 'diffId'>): StoredLayer {
  const tarSplit = dir.file(`overlay-layers/${id}.tar-split.gz`);
  const diff = dir.directory(`overlay/${id}/diff`);
  if (tarSplit !== undefined && diff !== undefined) return { ...layer, tarSplit, diff };
  const what = tarSplit === undefined ? 'tar-split.gz, which rebuilds it' : 'diff directory';
  throw new KnownError('E_STORE', `layer ${id} of "${printable(dir.name, 300)}" has no ${what}`, {
    hint: 'use podman save NAME | tspull docker-archive:-',
  });
}

function incomplete(dir: ConfinedDirectory, { id }: ContainersImage, what: string): KnownError {
  return new KnownError('E_STORE', `image ${id} of "${printable(dir.name, 300)}" lacks ${what}`);
}
