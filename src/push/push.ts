/** Uploads images of a data root to the registry that their name says. */
import { isDataRoot } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import type { HeldLock } from '../../store/fs/lock.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { recordUse } from '../../store/images/last-use.js';
import { lookUp, namesByImage } from '../../store/images/repositories.js';
import { explainIoFailure } from '../../store/io-failure.js';
import { sourcesOf } from '../../store/layers/distribution.js';
import { holdLayer } from '../../store/layers/lease.js';
import { chainIdsOf, type Digest, type ImageId } from '../../store/oci/digest.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForWriting, type Store } from '../../store/store.js';
import { type ImageIndex, readImageIndex } from '../images/find.js';
import {
  canonicalName,
  canonicalString,
  familiarName,
  familiarString,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../reference.js';
import { openPushClient, type PushClient } from '../registry/push/push-client.js';
import { type EmitPush, type OnPushEvent, pushEventsVersion } from './push-event.js';
import { pushImage } from './push-image.js';
import { recordPush } from './record-push.js';

export interface PushOptions {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** Every tag of the repository; the name must have none. */
  allTags?: boolean;
  /** Allow plain http, and https with any certificate. Loopback registries may always speak http. */
  insecure?: boolean;
  /** Stands for `/etc` where the configuration of registries is looked up; default `TSPULL_CONFIG_DIR`. */
  configDir?: string;
  /** Files with additional certificate authorities (PEM). */
  caFiles?: string[];
  /** Layers in work at the same time; default 5. */
  maxConcurrentUploads?: number;
  onEvent?: OnPushEvent;
  signal?: AbortSignal;
}

export interface PushedTag {
  /** Fully qualified, as `docker.io/library/ubuntu:16.04`. */
  reference: string;
  id: ImageId;
  /** Of the manifest that the registry has now. */
  digest: Digest;
  /** Bytes of that manifest. */
  size: number;
}

/** As dockerd. */
const PLACES = 5;

/**
 * Pushes an image to the registry of its name. The manifest comes last: until then nothing of it is visible there.
 *
 * @returns one for each tag
 * @throws KnownError E_REFERENCE, E_USAGE, E_NO_IMAGE, E_STORE for a damaged layer, and the codes of registries
 */
export async function push(name: string, options: PushOptions = {}): Promise<PushedTag[]> {
  const { root = defaultRoot(), allTags = false, signal = new AbortController().signal } = options;
  const reference = pushReference(name, allTags);
  const emit = stampTime(options.onEvent);
  const stop = new AbortController();
  emit({ type: 'start', version: pushEventsVersion, name, repository: canonicalName(reference) });
  try {
    using store = await openForWriting(root, signal);
    const index = readImageIndex(store.root);
    const images = imagesNamed(index, reference, allTags);
    using _held = await holdLayers(store.root, images, signal);
    for (const { image } of images) recordUse(store.root, image.id);
    const client = await openPushClient({
      ...clientOptions(options),
      signal: AbortSignal.any([signal, stop.signal]),
      ...reference,
      mountable: mountable(store.root, images, reference),
    });
    try {
      return await pushAll({
        store,
        index,
        client,
        images,
        emit,
        stop,
        places: options.maxConcurrentUploads ?? PLACES,
      });
    } finally {
      client.close();
    }
  } catch (cause) {
    const error = signal.aborted
      ? new KnownError('E_CANCELLED', `push of ${printable(familiarString(reference))} was cancelled`, { cause })
      : explainIoFailure(cause, root);
    const { code = null, hint = null } = error instanceof KnownError ? error : {};
    const message = error instanceof Error ? error.message : String(error);
    emit({ type: 'failed', reference: familiarString(reference), code, message, hint });
    throw error;
  }
}

function pushReference(name: string, allTags: boolean): Reference {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw new KnownError('E_REFERENCE', 'cannot push a digest reference');
  if (!allTags) return withDefaultTag(reference);
  if (reference.tag !== undefined) throw new KnownError('E_USAGE', "tag can't be used with --all-tags/-a");
  return reference;
}

function stampTime(onEvent: OnPushEvent | undefined): EmitPush {
  const began = performance.now();
  return (news) => onEvent?.({ ...news, ms: Math.round(performance.now() - began) });
}

interface NamedImage {
  reference: Reference;
  image: ImageRecord;
}

/** In Docker's words: it tells whether the repository is known. */
function imagesNamed({ repositories, images }: ImageIndex, reference: Reference, allTags: boolean): NamedImage[] {
  const name = familiarName(reference);
  const keys = [...(repositories.get(name)?.keys() ?? [])].filter((key) => key.startsWith(`${name}:`));
  if (keys.length === 0 && !repositories.has(name))
    throw new KnownError('E_NO_IMAGE', `An image does not exist locally with the tag: ${name}`);
  const tags = allTags ? keys.map((key) => key.slice(name.length + 1)).sort() : [reference.tag ?? 'latest'];
  return tags.flatMap((tag): NamedImage[] => {
    const id = lookUp(repositories, name, `${name}:${tag}`);
    const image = id === undefined ? undefined : images.get(id);
    if (image === undefined) throw new KnownError('E_NO_IMAGE', `tag does not exist: ${name}:${tag}`);
    return [{ reference: { ...reference, tag }, image }];
  });
}

/** No layer of them is removed by our programs meanwhile. */
async function holdLayers(root: string, images: readonly NamedImage[], signal: AbortSignal): Promise<Disposable> {
  const held: HeldLock[] = [];
  const release = () => {
    for (const lock of held) lock.release();
  };
  try {
    if (isDataRoot(root))
      for (const chainId of new Set(images.flatMap(({ image }) => chainIdsOf(image.diffIds))))
        held.push(await holdLayer(root, chainId, 'shared', { signal }));
    return { [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

/** So many other repositories a token is asked for at most. */
const MOST_MOUNTABLE = 10;

function mountable(root: string, images: readonly NamedImage[], { domain, path }: Reference): string[] {
  const repositories = images.flatMap(({ image }) =>
    image.diffIds.flatMap((diffId) => sourcesOf(root, diffId).map(({ repository }) => repository)),
  );
  const others = repositories
    .filter((repository) => repository.startsWith(`${domain}/`) && repository !== `${domain}/${path}`)
    .map((repository) => repository.slice(domain.length + 1));
  return [...new Set(others)].slice(0, MOST_MOUNTABLE);
}

function clientOptions({ insecure = false, caFiles = [], configDir }: PushOptions) {
  return { insecure, caFiles, ...(configDir !== undefined && { configDir }) };
}

interface Work {
  store: Store;
  index: ImageIndex;
  client: PushClient;
  images: readonly NamedImage[];
  places: number;
  emit: EmitPush;
  stop: AbortController;
}

async function pushAll({ store, index, images, ...work }: Work): Promise<PushedTag[]> {
  const names = namesByImage(index.repositories);
  const done: PushedTag[] = [];
  for (const { reference, image } of images) {
    const own = (names.get(image.id) ?? []).filter(({ name }) => name === familiarName(reference));
    const digests = own.flatMap(({ digest }) => digest ?? []);
    const pushed = await pushImage({ root: store.root, image, reference, digests, ...work });
    await recordPush(store, reference, image.id, pushed);
    done.push({
      reference: canonicalString(reference),
      id: image.id,
      digest: pushed.digest,
      size: pushed.bytes.length,
    });
  }
  return done;
}
