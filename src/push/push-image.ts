/** One image under one tag: its layers, its config, its manifest. */
import pLimit from 'p-limit';
import type { ImageRecord } from '../../store/images/image-db.js';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { rebuiltSize, type StoredLayer } from '../../store/tar/rebuild-layer.js';
import { storedLayers } from '../images/stored-layers.js';
import { familiarString, type Reference } from '../reference.js';
import type { PushClient } from '../registry/push/push-client.js';
import type { UploadRetry } from '../registry/push/upload-blob.js';
import { type Blob, dockerManifestOf, type PushedManifest } from './docker-manifest.js';
import { type KeptManifest, keptManifests, layerCandidates } from './known-blobs.js';
import { progressTeller } from './progress-teller.js';
import type { EmitPush, LayerPushStatus } from './push-event.js';
import { type PushedLayer, pushLayer } from './push-layer.js';

export interface ImagePush {
  readonly root: string;
  readonly client: PushClient;
  readonly image: ImageRecord;
  readonly reference: Reference;
  /** Digests under which the image is known in this repository. */
  readonly digests: readonly string[];
  /** Layers in work at the same time. */
  readonly places: number;
  readonly emit: EmitPush;
  /** Ends the requests of the client when one part has failed. */
  readonly stop: AbortController;
}

export interface PushedImage extends PushedManifest {
  readonly layers: readonly PushedLayer[];
  /** It is the manifest that the image was pulled with. */
  readonly unchanged: boolean;
}

/**
 * With the manifest that the image was pulled with where every blob of it can be had, else with one as Docker makes it. The manifest is
 * there when all that it names is.
 *
 * @throws KnownError
 */
export async function pushImage(push: ImagePush): Promise<PushedImage> {
  const { root, client, image, reference, digests, emit } = push;
  const layers = storedLayers(root, image);
  const name = familiarString(reference);
  emit({ type: 'image', reference: name, image: image.id, layers: layers.map(({ diffId }) => diffId) });
  // Docker begins at the top.
  for (let index = layers.length - 1; index >= 0; index--) {
    const { diffId: layer } = layers[index] ?? {};
    if (layer !== undefined) emit({ type: 'layer', reference: name, index, layer, status: 'preparing' });
  }
  const [kept] = keptManifests(root, image, digests);
  const [config, pushed] = await allOrStop(push.stop, [pushConfig(push), pushLayers(push, layers, kept)]);
  const manifest = await chooseManifest(push, layers, { config, pushed, kept });
  await client.putManifest(reference.tag ?? manifest.digest, manifest.bytes, manifest.mediaType);
  const { digest, unchanged } = manifest;
  emit({ type: 'done', reference: name, image: image.id, digest, size: manifest.bytes.length, unchanged });
  return manifest;
}

async function pushConfig({ client, image }: ImagePush): Promise<Blob> {
  const config = { digest: image.id as string as Digest, size: image.bytes.length };
  if ((await client.blobSize(config.digest)) === undefined)
    await client.uploadBlob({ source: { open: () => [image.bytes], digest: () => config.digest } });
  return config;
}

interface Parts {
  config: Blob;
  pushed: readonly PushedLayer[];
  kept: KeptManifest | undefined;
}

async function chooseManifest(
  push: ImagePush,
  layers: readonly StoredLayer[],
  { config, pushed, kept }: Parts,
): Promise<PushedImage> {
  if (kept?.manifest.layers.every(({ digest }, at) => digest === pushed[at]?.digest)) {
    const { digest, bytes, manifest } = kept;
    return { digest, bytes, mediaType: manifest.mediaType, layers: pushed, unchanged: true };
  }
  const unfit = unfitBlobs(kept);
  const fits = pushed.every(({ digest }) => !unfit.has(digest));
  // What was found as the old manifest has it is of no use for a new one when that is no gzip.
  const again = fits ? pushed : await pushLayers(push, layers, undefined, unfit);
  return { ...dockerManifestOf(config, again), layers: again, unchanged: false };
}

/** Of a manifest: blobs that are no gzip. */
function unfitBlobs(kept: KeptManifest | undefined): Set<string> {
  const unfit = kept?.manifest.layers.filter(({ mediaType }) => !mediaType.endsWith('gzip')) ?? [];
  return new Set(unfit.map(({ digest }) => digest));
}

async function pushLayers(
  push: ImagePush,
  layers: readonly StoredLayer[],
  kept: KeptManifest | undefined,
  unfit: ReadonlySet<string> = unfitBlobs(kept),
): Promise<PushedLayer[]> {
  const limit = pLimit(push.places);
  const same = new Map<DiffId, Promise<PushedLayer>>();
  for (const [index, layer] of [...layers.entries()].reverse()) {
    if (same.has(layer.diffId)) continue;
    const tell = teller(push, layer, index);
    if (limit.activeCount + limit.pendingCount >= push.places) tell.onStatus('waiting');
    const wanted = kept?.manifest.layers[index];
    const work = limit(async () => {
      push.stop.signal.throwIfAborted();
      const candidates = layerCandidates(push.root, { diffId: layer.diffId, wanted, target: push.reference, unfit });
      return await pushLayer({ client: push.client, layer, candidates, ...tell });
    });
    same.set(layer.diffId, work);
  }
  const pushed = await allOrStop(push.stop, [...same.values()]);
  const byContent = new Map(pushed.map((layer) => [layer.diffId, layer]));
  return layers.flatMap(({ diffId }) => byContent.get(diffId) ?? []);
}

/** Waits for all of them, also when one fails: then the others are ended, and its failure is thrown. */
async function allOrStop<T extends readonly unknown[]>(
  stop: AbortController,
  works: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  for (const work of works) work.catch((error: unknown) => stop.abort(error));
  await Promise.allSettled(works);
  if (stop.signal.aborted) throw stop.signal.reason;
  return (await Promise.all(works)) as unknown as T;
}

function teller({ reference, emit }: ImagePush, layer: StoredLayer, index: number) {
  const about = { reference: familiarString(reference), index, layer: layer.diffId };
  return {
    onStatus: (status: LayerPushStatus, from?: string) =>
      emit({ type: 'layer', ...about, status, ...(from !== undefined && { from }) }),
    onProgress: progressTeller(
      () => rebuiltSize(layer),
      ({ read, sent, total }) => emit({ type: 'progress', ...about, current: read, total, sent }),
    ),
    onRetry: (retry: UploadRetry) => emit({ type: 'retry', ...about, ...retry }),
  };
}
