/** A pull from an archive, a layout directory or a Docker daemon: all images of it become visible together, or none. */
import type { ImageFiles } from '../../store/archive/image-files.js';
import { stagingDir } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import { lookUp } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
import type { Platform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { canonicalString, familiarName, familiarString, type Reference } from '../reference.js';
import { bringImages, type ImageToBring, type TransferOptions } from './bring-image.js';
import { checkPlatform } from './check-platform.js';
import { keyOf, type NewName } from './commit-image.js';
import { isComplete } from './local-image.js';
import type { PulledImage } from './pull.js';
import { findInDockerArchive } from './sources/docker-archive-images.js';
import { daemonSocket, imageIdInDaemon, parseDaemonImage, saveFromDaemon } from './sources/docker-daemon.js';
import type { FoundImage } from './sources/found-image.js';
import { findInLayout } from './sources/layout-images.js';
import { fromStream, type OpenOptions, openArchive, openLayoutDirectory } from './sources/open-source.js';
import type { ArchiveSource, DaemonSource, LocalSource } from './sources/source-name.js';

export interface FilesOptions extends TransferOptions {
  root: string;
  wanted: Platform | undefined;
  /** More than these are refused before anything is written. */
  mostImages: number;
}

/** @throws KnownError */
export async function pullFromFiles(source: LocalSource, options: FilesOptions): Promise<PulledImage[]> {
  const { root } = options;
  const known = source.kind === 'docker-daemon' ? await ifDaemonHasSame(source.name, options) : undefined;
  if (known !== undefined) return [report(known, true, options)];
  using images = await openImages(source, options);
  const { found } = images;
  refuseImages(images, options);
  const wishes = found.map(toBring);
  const here = wishes.every(({ resolved, names }) => isHere(root, resolved.image, names));
  const isNew = here ? [] : await bringImages(wishes, options);
  return found.map(({ resolved: { image, digest }, names }, at) =>
    report({ image, digest, names }, !isNew[at], options),
  );
}

interface FoundImages extends Disposable {
  readonly name: string;
  readonly found: readonly FoundImage[];
}

async function openImages(source: LocalSource, options: FilesOptions): Promise<FoundImages> {
  const { root, emit, signal, engine } = options;
  if (source.kind === 'containers-storage') {
    const { findInContainersStorage } = await import('./sources/containers-storage-images.js');
    return findInContainersStorage(source, root);
  }
  if (source.kind === 'data-root') {
    const { findInDataRoot } = await import('./sources/data-root-images.js');
    return findInDataRoot(source, root);
  }
  const files = await openFiles(source, {
    spoolDirectory: async () => stagingDir((await engine.store()).root),
    onBytes: (bytes) => emit({ type: 'receiving', bytes }),
    signal,
  });
  try {
    const found = await findByKind(source, files, options);
    return { name: files.name, found, [Symbol.dispose]: files.close };
  } catch (error) {
    files.close();
    throw error;
  }
}

async function openFiles(source: ArchiveSource | DaemonSource, options: OpenOptions): Promise<ImageFiles> {
  if (source.kind === 'oci') return openLayoutDirectory(source.path);
  if (source.kind !== 'docker-daemon') return openArchive(source.path, options);
  const { query } = parseDaemonImage(source.name);
  const archive = await saveFromDaemon(daemonSocket(process.env), query, options.signal);
  return fromStream(`docker-daemon:${query}`, archive, options);
}

/** @throws KnownError for more images than are wanted, and for those of other platforms */
function refuseImages({ name: source, found }: FoundImages, { wanted, emit, mostImages }: FilesOptions): void {
  if (found.length > mostImages)
    throw new KnownError('E_USAGE', `"${printable(source, 300)}" has ${found.length} images`, {
      hint: 'name one of them, as :NAME or :@0 after the path, or use pullAll',
    });
  for (const { resolved, names } of found)
    checkPlatform(resolved.config, { name: printable(shownName(resolved.image, names)), wanted, emit });
}

async function findByKind(source: ArchiveSource | DaemonSource, files: ImageFiles, { root, wanted }: FilesOptions) {
  // Docker writes both into one archive; its own list has what a layout has no place for.
  const looksLikeDocker = files.find('manifest.json') !== undefined || files.find('oci-layout') === undefined;
  if (source.kind === 'docker-archive' || (source.kind === 'archive' && looksLikeDocker))
    return findInDockerArchive(files, source.wish, root);
  if (source.kind !== 'docker-daemon') return findInLayout(files, source.wish, wanted);
  const { name } = parseDaemonImage(source.name);
  return findInDockerArchive(files, name === undefined ? undefined : { name: familiarString(name) }, root);
}

/** Whether the daemon's image is here under the same name. @throws KnownError when the daemon has no such image */
async function ifDaemonHasSame(
  source: string,
  { root, wanted, signal }: FilesOptions,
): Promise<PresentImage | undefined> {
  const { query, name } = parseDaemonImage(source);
  const image = await imageIdInDaemon(daemonSocket(process.env), query, signal);
  const names = name === undefined ? [] : [name];
  const here = image !== undefined && isHere(root, image, names.map(toNewName)) && isComplete(root, image, wanted);
  return here ? { image, digest: undefined, names } : undefined;
}

interface PresentImage {
  image: ImageId;
  digest: Digest | undefined;
  names: readonly Reference[];
}

function isHere(root: string, image: ImageId, names: readonly NewName[]): boolean {
  const repositories = readRepositories(root);
  const named = names.every((name) => lookUp(repositories, name.name, keyOf(name)) === image);
  return named && isComplete(root, image, undefined);
}

function toBring({ resolved, names, digests = [], origin }: FoundImage): ImageToBring {
  const reference = shownName(resolved.image, names);
  return { reference, resolved, names: [...names.map(toNewName), ...digests], origin, repository: undefined };
}

function toNewName(reference: Reference): NewName {
  return { name: familiarName(reference), tag: reference.tag ?? 'latest' };
}

const shownName = (image: ImageId, [name]: readonly Reference[]): string =>
  name === undefined ? image : familiarString(name);

function report({ image, digest, names }: PresentImage, upToDate: boolean, { emit }: FilesOptions): PulledImage {
  const shown = names.length === 0 ? [image] : names.map(familiarString);
  for (const reference of shown) emit({ type: 'done', reference, digest, image, upToDate });
  const [first = image] = names.map(canonicalString);
  return { reference: first, names: names.map(canonicalString), id: image, digest, upToDate };
}
