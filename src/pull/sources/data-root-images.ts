/** `data-root:DIRECTORY[:NAME]`: images of another data root, of tspull or of a dockerd that is stopped. Nothing is written there. */
import type { ForeignLayer } from '../../../store/archive/containers-storage.js';
import { documentsOf, type ImageFiles } from '../../../store/archive/image-files.js';
import { KnownError } from '../../../store/errors.js';
import { type ConfinedDirectory, openConfinedDirectory } from '../../../store/fs/confined-directory.js';
import { type ImageName, namesByImage, parseRepositories } from '../../../store/images/repositories.js';
import { verifyDigest } from '../../../store/oci/descriptor.js';
import {
  type ChainId,
  chainIdsOf,
  type DiffId,
  type Digest,
  hexOf,
  type ImageId,
  parseImageId,
} from '../../../store/oci/digest.js';
import { maxConfigBytes, parseImageConfig } from '../../../store/oci/image-config.js';
import { printable } from '../../../store/printable.js';
import { type FoundImage, isSameName, noSuchImage, readName, wishedName } from './found-image.js';
import { keptManifests } from './kept-manifests.js';
import type { DataRootSource } from './source-name.js';
import { imagesOf, type TreeImages, treeImageDescriber } from './tree-images.js';

const MAX_NAMES_BYTES = 64 * 1024 * 1024;
const home = 'image/overlay2';

/** @param root that they are pulled into. @throws KnownError E_NOT_FOUND, E_STORE, E_DOCUMENT, E_VERIFY, E_DIGEST */
export function findInDataRoot({ path, wish }: DataRootSource, root: string): TreeImages {
  const dir = openConfinedDirectory(path);
  try {
    const names = namesByImage(readNames(dir));
    const describe = treeImageDescriber(root);
    const found = choose(dir, names, wish).map(({ image, tags }) =>
      openImage(dir, image, { tags, all: names.get(image) ?? [], describe }),
    );
    return imagesOf(dir, found);
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
}

function readNames(dir: ConfinedDirectory) {
  const bytes = dir.read(`${home}/repositories.json`, MAX_NAMES_BYTES);
  if (bytes === undefined)
    throw new KnownError(
      'E_NOT_FOUND',
      `"${printable(dir.name, 300)}" has no ${home}/repositories.json: it is no data root with images`,
    );
  try {
    return parseRepositories(bytes.toString());
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    throw new KnownError('E_STORE', `${home}/repositories.json of "${printable(dir.name, 300)}" is damaged`, { cause });
  }
}

interface Chosen {
  image: ImageId;
  tags: readonly string[];
}

/** All that have a tag, or the one that was asked for: by its name, or by its id, which then has no name. */
function choose(
  dir: ConfinedDirectory,
  names: ReadonlyMap<ImageId, readonly ImageName[]>,
  wish: string | undefined,
): Chosen[] {
  const tagged = [...names].flatMap(([image, all]): Chosen[] => {
    const tags = all.flatMap(({ key, tag }) => (tag === undefined ? [] : [key]));
    return tags.length === 0 ? [] : [{ image, tags }];
  });
  if (wish === undefined) {
    if (tagged.length === 0) throw noSuchImage(dir.name, 'with a name', []);
    return tagged;
  }
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(wish))
    return [{ image: parseImageId(`sha256:${wish.replace(/^sha256:/, '')}`), tags: [] }];
  const name = wishedName(wish);
  const found = tagged.find(({ tags }) => tags.some((tag) => isSameName(readName(tag), name)));
  if (found === undefined)
    throw noSuchImage(
      dir.name,
      wish,
      tagged.flatMap(({ tags }) => tags),
    );
  return [{ image: found.image, tags: found.tags.filter((tag) => isSameName(readName(tag), name)) }];
}

interface Naming {
  tags: readonly string[];
  all: readonly ImageName[];
  describe: ReturnType<typeof treeImageDescriber>;
}

function openImage(dir: ConfinedDirectory, image: ImageId, { tags, all, describe }: Naming): FoundImage {
  const id = parseImageId(image);
  const configBytes = dir.read(`${home}/imagedb/content/sha256/${hexOf(id)}`, maxConfigBytes);
  if (configBytes === undefined) throw noSuchImage(dir.name, id, []);
  verifyDigest(configBytes, id as string as Digest, 'image config');
  const config = parseImageConfig(configBytes);
  const layers = chainIdsOf(config.diffIds).map((chainId, at): ForeignLayer => {
    const diffId = config.diffIds[at] as DiffId;
    return { chainId, diffId, open: () => openLayer(dir, chainId, diffId) };
  });
  const { resolved, origin } = describe({ configBytes, config, layers });
  const digests = all.flatMap(({ key, digest }) => (digest === undefined ? [] : [key]));
  const files = manifestFiles(dir, id);
  const kept = keptManifests({ files, documents: documentsOf(files) }, digests, id);
  return {
    names: tags.flatMap((tag) => readName(tag) ?? []),
    digests: kept.names,
    resolved: { ...resolved, documents: kept.documents },
    origin,
  };
}

function openLayer(dir: ConfinedDirectory, chainId: ChainId, diffId: DiffId) {
  const record = `${home}/layerdb/sha256/${hexOf(chainId)}`;
  const cacheId = dir.read(`${record}/cache-id`, 1024)?.toString().trim() ?? '';
  const tarSplit = dir.file(`${record}/tar-split.json.gz`);
  // Ids of dockerd's container layers have more than 64 digits.
  const diff = /^[0-9a-f]{64}$/.test(cacheId) ? dir.directory(`overlay2/${cacheId}/diff`) : undefined;
  if (tarSplit !== undefined && diff !== undefined) return { chainId, diffId, tarSplit, diff };
  throw new KnownError('E_STORE', `layer ${chainId} of "${printable(dir.name, 300)}" is missing or incomplete`);
}

/** What tspull keeps of an image's manifests, where an archive has its blobs. dockerd keeps none. */
function manifestFiles(dir: ConfinedDirectory, image: ImageId): ImageFiles {
  const close = () => undefined;
  return {
    name: dir.name,
    find: (path) => dir.file(`tspull/manifests/${hexOf(image)}/${path.slice(path.lastIndexOf('/') + 1)}`),
    close,
    [Symbol.dispose]: close,
  };
}
