/** One layer to a registry: there already, mounted from another repository, or uploaded. */
import type { DiffId, Digest } from '../../store/oci/digest.js';
import type { StoredLayer } from '../../store/tar/rebuild-layer.js';
import type { PushClient } from '../registry/push/push-client.js';
import type { Begun, UploadRetry } from '../registry/push/upload-blob.js';
import type { LayerCandidates } from './known-blobs.js';
import { layerBytes } from './layer-bytes.js';
import type { LayerPushStatus } from './push-event.js';

/** What a manifest says of a layer. */
export interface PushedLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: DiffId;
}

export interface LayerPush {
  readonly client: PushClient;
  readonly layer: StoredLayer;
  readonly candidates: LayerCandidates;
  readonly onStatus: (status: LayerPushStatus, from?: string) => void;
  readonly onProgress: (progress: { read: number; sent: number }) => void;
  readonly onRetry: (retry: UploadRetry) => void;
}

/**
 * The digest of the result is the wanted one where the registry has such a blob or can mount it, or where compressing brings the same
 * bytes. What is compressed otherwise is another blob of the same content.
 */
export async function pushLayer(push: LayerPush): Promise<PushedLayer> {
  const { client, layer, candidates, onStatus } = push;
  const { diffId } = layer;
  const digests = [...(candidates.wanted === undefined ? [] : [candidates.wanted.digest]), ...candidates.others];
  for (const digest of digests) {
    const size = await client.blobSize(digest);
    if (size === undefined) continue;
    onStatus('exists');
    return { digest, size, diffId };
  }
  let begun: Begun | undefined;
  for (const digest of digests) {
    for (const from of candidates.repositoriesWith(digest)) {
      const outcome = await client.mountBlob(digest, from);
      const size = outcome === 'mounted' ? await client.blobSize(digest) : undefined;
      if (size !== undefined) {
        onStatus('mounted', from);
        return { digest, size, diffId };
      }
      if (outcome !== 'mounted') begun = outcome;
    }
  }
  onStatus('pushing');
  const uploaded = await upload(push, begun);
  onStatus('pushed');
  return uploaded;
}

async function upload(push: LayerPush, begun: Begun | undefined): Promise<PushedLayer> {
  const { client, layer, candidates, onProgress, onRetry } = push;
  // Of a layer that travelled plain the blob is the archive itself.
  const isPlain = candidates.wanted?.digest === (layer.diffId as string);
  const progress = { read: 0, sent: 0 };
  const source = layerBytes(layer, isPlain, (read) => onProgress(Object.assign(progress, { read })));
  const digest = await client.uploadBlob({
    source,
    begun,
    onProgress: (sent) => onProgress(Object.assign(progress, { sent })),
    onRetry,
  });
  return { digest, size: source.size(), diffId: layer.diffId };
}
