/**
 * Removing a name of an image, and with its last name the image and the layers that nothing else stands on. Everything
 * happens in the store's exclusive section, in an order that may stop anywhere: names, metadata, config, then layers from
 * the top.
 */
import { rmSync } from 'node:fs';
import { manifestsDir, reservesOf } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import { withReserve } from '../../store/fs/reserve.js';
import { openImageDb } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { forgetUse } from '../../store/images/last-use.js';
import { type ImageName, namesByImage, removeReference } from '../../store/images/repositories.js';
import { readRepositories, updateRepositories } from '../../store/images/repositories-file.js';
import { releaseLayers } from '../../store/layers/release.js';
import { type ChainId, hexOf, type ImageId } from '../../store/oci/digest.js';
import type { Store } from '../../store/store.js';
import { familiarName, parseReference } from '../reference.js';
import { findImage, keyOf, readImageIndex } from './find.js';
import { shortId } from './human.js';
import { imageUsers } from './image-users.js';
import { conflictError, findConflict } from './remove-conflict.js';

export interface RemoveOptions {
  /** Removes although other names or stopped containers refer to the image. */
  force?: boolean;
  /** Keeps untagged images that the removed one was built from. */
  noPrune?: boolean;
}

/** One line of Docker's output each. Deleted are an image id, then the chainIDs of its layers, top first. */
export type RemovedItem = { untagged: string } | { deleted: ImageId | ChainId };

/**
 * @param text - a name, an id or the start of one
 * @throws KnownError `E_NO_IMAGE`, `E_REFERENCE`, `E_CONFLICT`
 */
export function removeImage(store: Store, text: string, options: RemoveOptions = {}): Promise<RemovedItem[]> {
  return store.exclusive(() => removeWithin(store.root, text, options));
}

/** As {@link removeImage}, inside the store's exclusive section. */
export function removeWithin(root: string, text: string, options: RemoveOptions = {}): RemovedItem[] {
  const { id } = findImage(readImageIndex(root), text);
  const removal: Removal = { root, force: options.force ?? false, prune: !options.noPrune, items: [] };
  if (isIdPrefix(id, text)) removeById(removal, id);
  else removeByName(removal, id, text);
  return removal.items;
}

interface Removal {
  root: string;
  force: boolean;
  prune: boolean;
  items: RemovedItem[];
}

function isIdPrefix(id: ImageId, text: string): boolean {
  return id.startsWith(text) || hexOf(id).startsWith(text);
}

function namesOf(root: string, id: ImageId): ImageName[] {
  return namesByImage(readRepositories(root)).get(id) ?? [];
}

function removeByName(removal: Removal, id: ImageId, text: string): void {
  const { root } = removal;
  if (!removal.force && isSingle(namesOf(root, id))) refuseUsedName(root, id, text);
  const reference = parseReference(text);
  const name = familiarName(reference);
  removeName(removal, name, keyOf(reference));
  const left = namesOf(root, id);
  // Digests are remembered beside a tag; without the last tag of their repository they name nothing that people know.
  const ofRepository = left.filter((other) => other.name === name);
  if (reference.digest === undefined && ofRepository.every(({ tag }) => tag === undefined))
    for (const { key } of ofRepository) removeName(removal, name, key);
  if (namesOf(root, id).length > 0) return;
  removeUnnamed(removal, id, true);
}

/** One name, or one tag with digests of the same repository. */
function isSingle(names: readonly ImageName[]): boolean {
  if (names.length <= 1) return true;
  const tags = names.filter(({ tag }) => tag !== undefined);
  const repositories = new Set(names.filter(({ digest }) => digest !== undefined).map(({ name }) => name));
  const single = tags[0] ?? names[0];
  return tags.length <= 1 && single !== undefined && repositories.size === 1 && repositories.has(single.name);
}

function refuseUsedName(root: string, id: ImageId, text: string): void {
  const user = imageUsers(root).find(({ image }) => image === id);
  if (user === undefined) return;
  throw new KnownError(
    'E_CONFLICT',
    `conflict: unable to remove repository reference "${text}" (must force) - container ` +
      `${shortId(user.containerId)} is using its referenced image ${shortId(id)}`,
  );
}

function removeById(removal: Removal, id: ImageId): void {
  const names = namesOf(removal.root, id);
  if (isSingle(names)) {
    const conflict = findConflict(removal.root, id, { force: removal.force, ignoreNames: true });
    if (conflict !== undefined) throw conflictError(id, conflict);
    for (const { name, key } of names) removeName(removal, name, key);
  }
  removeUnnamed(removal, id, false);
}

function removeName({ root, items }: Removal, name: string, key: string): void {
  withReserve(reservesOf(root), () =>
    updateRepositories(root, (repositories) => removeReference(repositories, name, key)),
  );
  items.push({ untagged: key });
}

/**
 * Removes the image itself. `quiet`: its last name has gone already, so a reason to keep it is no failure, except where
 * the image would stay behind without a name and without a container.
 */
function removeUnnamed(removal: Removal, id: ImageId, quiet: boolean): void {
  const { root, force, prune, items } = removal;
  const images = openImageDb(root);
  const conflict = findConflict(root, id, { force });
  if (conflict !== undefined) {
    if (quiet && (conflict.used || !isDangling(root, id))) return;
    throw conflictError(id, conflict);
  }
  const parent = images.parent(id);
  for (const { name, key } of namesOf(root, id)) removeName(removal, name, key);
  const image = images.get(id);
  if (image === undefined) return;
  images.remove(id);
  rmSync(manifestsDir(root, hexOf(id)), { recursive: true, force: true });
  forgetUse(root, id);
  items.push({ deleted: id });
  const top = topLayerOf(image);
  if (top !== undefined) {
    const tops = images.list().flatMap((other) => topLayerOf(other) ?? []);
    items.push(...releaseLayers(root, top, tops).map((deleted) => ({ deleted })));
  }
  if (prune && parent !== undefined && images.get(parent) !== undefined)
    removeUnnamed({ ...removal, force: false }, parent, true);
}

/** Neither named nor the origin of another image. */
function isDangling(root: string, id: ImageId): boolean {
  const images = openImageDb(root);
  return namesOf(root, id).length === 0 && !images.ids().some((other) => images.parent(other) === id);
}
