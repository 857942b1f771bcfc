/** Whether an image is here already and complete, so that a pull has nothing to do. */
import { openImageDb } from '../../store/images/image-db.js';
import { topLayerOf } from '../../store/images/image-document.js';
import { lookUp, type Repositories } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { readChain } from '../../store/layers/layer-db.js';
import { chainIdsOf, type Digest, type ImageId, isDigest } from '../../store/oci/digest.js';
import { fits, type Platform } from '../../store/oci/platform.js';
import { familiarName, type Reference } from '../reference.js';
import { needMending } from './need-mending.js';

export interface NamedImage {
  image: ImageId;
  /** Digests under which this very image was pulled from the repository. */
  digests: Digest[];
}

/** What `reference` names in the store, which may be incomplete or missing. */
export function namedImage(root: string, reference: Reference): NamedImage | undefined {
  const repositories = readRepositories(root);
  const name = familiarName(reference);
  const key = reference.digest === undefined ? `${name}:${reference.tag ?? 'latest'}` : `${name}@${reference.digest}`;
  const image = lookUp(repositories, name, key);
  return image === undefined ? undefined : { image, digests: digestsOf(repositories, name, image) };
}

/** The complete image that `reference` names in the store, if it is for the wanted platform. */
export function findLocalImage(
  root: string,
  reference: Reference,
  wanted: Platform | undefined,
  { isSound = true } = {},
): NamedImage | undefined {
  const named = namedImage(root, reference);
  return named !== undefined && isComplete(root, named.image, wanted, { isSound }) ? named : undefined;
}

function digestsOf(repositories: Repositories, name: string, image: ImageId): Digest[] {
  return [...(repositories.get(name) ?? [])].flatMap(([key, id]) => {
    const digest = key.slice(name.length + 1);
    return id === image && isDigest(digest) ? [digest] : [];
  });
}

/**
 * The image with all its layers is here, for the wanted platform.
 *
 * @param isSound and nothing is known to be wrong with them, which is a pull's business
 */
export function isComplete(
  root: string,
  image: ImageId,
  wanted: Platform | undefined,
  { isSound = true } = {},
): boolean {
  const record = openImageDb(root).get(image);
  if (record === undefined) return false;
  const top = topLayerOf(record);
  if (top !== undefined && readChain(root, top)?.length !== record.diffIds.length) return false;
  if (isSound && needMending(root, chainIdsOf(record.diffIds))) return false;
  return wanted === undefined || isFor(record.document, wanted);
}

function isFor(document: Readonly<Record<string, unknown>>, wanted: Platform): boolean {
  const text = (key: string) => (typeof document[key] === 'string' ? document[key] : '');
  return fits(wanted, { os: text('os'), architecture: text('architecture'), variant: text('variant') || undefined });
}
