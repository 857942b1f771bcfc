/** Uploads images of a data root to the registry that their name says. */
import { KnownError } from '../../store/errors.js';
import { recordUse } from '../../store/images/last-use.js';
import { namesByImage } from '../../store/images/repositories.js';
import { explainIoFailure } from '../../store/io-failure.js';
import type { Digest, ImageId } from '../../store/oci/digest.js';
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
import { holdLayers, imagesNamed, mountable, type NamedImage } from './named-images.js';
import { type EmitPush, type OnPushEvent, pushEventsVersion } from './push-event.js';
import { pushImage } from './push-image.js';
import { type KeptIndex, keptIndex, pushIndex } from './push-index.js';
import { recordPush } from './record-push.js';

export interface PushOptions {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** Every tag of the repository; the name must have none. */
  allTags?: boolean;
  /** The index that the image was pulled by, with all images of it: those that are here, and those that the repository has. */
  index?: boolean;
  /** Allow plain http, and https with any certificate. Loopback registries may always speak http. */
  insecure?: boolean;
  /** Stands for `/etc` where the configuration of registries is looked up; default `TSPULL_CONFIG_DIR`. */
  configDir?: string;
  /** Files with additional certificate authorities (PEM). */
  caFiles?: string[];
  /** Layers in work at the same time; default 5. */
  maxConcurrentUploads?: number;
  /** So long a registry may take no bytes of an upload; default 30 000. */
  stallTimeoutMs?: number;
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
    const images = imagesNamed(index, reference, allTags).map((named) => withIndex(named, index, options));
    const records = images.flatMap(({ image, listed }) => [image, ...(listed?.images.values() ?? [])]);
    using _held = await holdLayers(store.root, records, signal);
    for (const { id } of records) recordUse(store.root, id);
    const client = await openPushClient({
      ...clientOptions(options),
      signal: AbortSignal.any([signal, stop.signal]),
      ...reference,
      mountable: mountable(store.root, records, reference),
    });
    try {
      return await pushAll({
        store,
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

function clientOptions({ insecure = false, caFiles = [], configDir, stallTimeoutMs }: PushOptions) {
  return {
    insecure,
    caFiles,
    ...(configDir !== undefined && { configDir }),
    ...(stallTimeoutMs !== undefined && { timeouts: { stallMs: stallTimeoutMs } }),
  };
}

interface ImageToPush extends NamedImage {
  /** Digests under which it is known in this repository. */
  digests: readonly string[];
  listed: KeptIndex | undefined;
}

function withIndex(named: NamedImage, index: ImageIndex, options: PushOptions): ImageToPush {
  const own = namesByImage(index.repositories).get(named.image.id) ?? [];
  const name = familiarName(named.reference);
  const digests = own.flatMap((one) => (one.name === name && one.digest !== undefined ? [one.digest] : []));
  return { ...named, digests, listed: options.index ? keptIndex(index, named, digests) : undefined };
}

interface Work {
  store: Store;
  client: PushClient;
  images: readonly ImageToPush[];
  places: number;
  emit: EmitPush;
  stop: AbortController;
}

async function pushAll({ store, images, ...work }: Work): Promise<PushedTag[]> {
  const done: PushedTag[] = [];
  for (const { reference, image, digests, listed } of images) {
    const push = { root: store.root, image, reference, digests, ...work };
    const pushed = listed === undefined ? await pushImage(push) : await pushIndex(push, listed, store);
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
