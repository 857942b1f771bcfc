/**
 * Docker's image database:
 *
 *     <root>/image/overlay2/imagedb/
 *       content/sha256/<hex>                0600  the config as received; <hex> is its sha256, the image id
 *       metadata/sha256/<hex>/              0700  only for images that have any of
 *         parent                            0600  sha256:<hex> of the image it was built from
 *         lastUpdated                       0600  RFC 3339, when it was last tagged (not by pull or load)
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { syncDirectory, writeFileDurably } from '../fs/atomic-file.js';
import { ensureDirectory } from '../fs/exact-mode.js';
import { readRegularFile } from '../fs/read-regular.js';
import { digestOf, hexOf, type ImageId, parseImageId } from '../oci/digest.js';
import { type ImageDocument, parseImageDocument } from './image-document.js';

export interface ImageRecord extends ImageDocument {
  id: ImageId;
  /** The config byte for byte. */
  bytes: Buffer;
}

export interface ImageDb {
  /** Undefined when it is missing or when its bytes are not what its name says: dockerd drops such images too. */
  get(id: ImageId): ImageRecord | undefined;
  /** All ids on disk, sorted; {@link ImageDb.get} decides which of them are good. */
  ids(): ImageId[];
  list(): ImageRecord[];
  /** Stores a config durably and returns the image id. Storing the same bytes again writes nothing. */
  put(bytes: Uint8Array): ImageId;
  /** Removes metadata and content; what is missing is fine. References and layers are the caller's business. */
  remove(id: ImageId): void;
  parent(id: ImageId): ImageId | undefined;
  setParent(id: ImageId, parent: ImageId): void;
  /** Images whose recorded parent is removed become roots. */
  removeParent(id: ImageId): void;
  /** RFC 3339 as stored. */
  lastUpdated(id: ImageId): string | undefined;
  setLastUpdated(id: ImageId, time: Date): void;
  /** The image whose id, written with or without `sha256:`, starts with `prefix`. */
  search(prefix: string): ImageId | 'ambiguous' | undefined;
}

export function openImageDb(root: string): ImageDb {
  const base = join(root, 'image', 'overlay2', 'imagedb');
  const contentDir = join(base, 'content', 'sha256');
  const metadataBase = join(base, 'metadata', 'sha256');
  const contentPath = (id: ImageId) => join(contentDir, hexOf(id));
  const metadataDir = (id: ImageId) => join(metadataBase, hexOf(id));

  const get = (id: ImageId) => readImage(contentPath(id), id);
  const ids = () => listNames(contentDir).map((hex) => parseImageId(`sha256:${hex}`));
  const metadata = (id: ImageId, name: string) =>
    readOptional(join(metadataDir(id), name))
      ?.toString('utf8')
      .trim();
  const setMetadata = (id: ImageId, name: string, value: string) => {
    mkdirSync(metadataBase, { recursive: true, mode: 0o700 });
    // Not by the recursive one: where it has something to make it hides why the kernel refused.
    ensureDirectory(metadataDir(id), 0o700);
    writeFileDurably(join(metadataDir(id), name), value, 0o600);
  };

  return {
    get,
    ids,
    list: () => ids().flatMap((id) => get(id) ?? []),
    put(bytes) {
      const id = parseImageId(digestOf(bytes));
      if (get(id) !== undefined) return id;
      mkdirSync(contentDir, { recursive: true, mode: 0o700 });
      writeFileDurably(contentPath(id), bytes, 0o600);
      return id;
    },
    remove(id) {
      rmSync(metadataDir(id), { recursive: true, force: true });
      rmSync(contentPath(id), { force: true });
      syncDirectory(contentDir);
    },
    parent(id) {
      const text = metadata(id, 'parent');
      return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text) ? parseImageId(text) : undefined;
    },
    setParent: (id, parent) => setMetadata(id, 'parent', parent),
    removeParent: (id) => rmSync(join(metadataDir(id), 'parent'), { force: true }),
    lastUpdated: (id) => metadata(id, 'lastUpdated'),
    setLastUpdated: (id, time) => setMetadata(id, 'lastUpdated', goTimestamp(time)),
    search: (prefix) => searchIds(ids(), prefix),
  };
}

function readImage(path: string, id: ImageId): ImageRecord | undefined {
  const bytes = readOptional(path);
  if (bytes === undefined || digestOf(bytes) !== (id as string)) return undefined;
  const parsed = parseImageDocument(bytes);
  return parsed === undefined ? undefined : { id, bytes, ...parsed };
}

function readOptional(path: string): Buffer | undefined {
  try {
    return readRegularFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined;
    throw error;
  }
}

/** Names of another form, such as temporary files, are passed over. */
function listNames(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function searchIds(ids: readonly ImageId[], prefix: string): ImageId | 'ambiguous' | undefined {
  const hex = prefix.startsWith('sha256:') ? prefix.slice('sha256:'.length) : prefix;
  if (hex === '') return undefined;
  const found = ids.filter((id) => hexOf(id).startsWith(hex));
  return found.length > 1 ? 'ambiguous' : found[0];
}

/** RFC 3339 in UTC with the trailing zeros of the fraction cut, as Go marshals a time. */
export function goTimestamp(time: Date): string {
  return time.toISOString().replace(/\.?0*Z$/, 'Z');
}
