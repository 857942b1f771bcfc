/** Brings again what is damaged: the blob of one layer, the config of one image. Nothing else is asked for. */
import { dirname, join } from 'node:path';
import { manifestsDir } from '../../store/data-root.js';
import { errnoCode, KnownError } from '../../store/errors.js';
import { writeFileDurably } from '../../store/fs/atomic-file.js';
import { ensureDirectory } from '../../store/fs/exact-mode.js';
import { removeTree } from '../../store/fs/remove-tree.js';
import { openImageDb } from '../../store/images/image-db.js';
import type { Repositories } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { layerRecordDir, readLayer } from '../../store/layers/layer-db.js';
import { tryHoldLayer } from '../../store/layers/lease.js';
import { isLayerMounted } from '../../store/linux/mounted.js';
import { type DiffId, type Digest, hexOf, type ImageId } from '../../store/oci/digest.js';
import { lowerOf } from '../../store/overlay2/layer-dir.js';
import type { Store } from '../../store/store.js';
import type { LayerTruth } from '../../store/upkeep/layer-truths.js';
import { createEngine } from '../pull/engine.js';
import { fetchLayers } from '../pull/fetch-layers.js';
import type { LayerPlan } from '../pull/layer-plan.js';
import { refetchLayer } from '../pull/refetch-layer.js';
import { canonicalName } from '../reference.js';
import { createRegistryClient, type RegistryClient } from '../registry/client.js';
import type { FsckOptions } from './fsck.js';
import { layerSources, manifestsOf, type Repository } from './sources.js';

export interface FetchContext {
  names: Repositories;
  images: ReadonlyMap<ImageId, readonly DiffId[]>;
}

export interface Fetcher {
  names(): Repositories;
  /** @returns why nothing was done; undefined when it is done */
  fetchLayer(layer: LayerTruth, context: FetchContext): Promise<string | undefined>;
  /** The config, or the manifests that are kept of an image. */
  fetchDocuments(
    image: ImageId,
    kind: 'fetch-config' | 'fetch-manifest',
    context: FetchContext,
  ): Promise<string | undefined>;
  close(): Promise<void>;
}

const inUse = 'somebody relies on it: a container, a pull or a save; try again when they have ended';

export function createFetcher(store: Store, options: FsckOptions & { signal: AbortSignal }): Fetcher {
  const { root } = store;
  const { signal } = options;
  const engine = createEngine({ root, signal, places: undefined, limitRate: undefined, connections: undefined });
  const clients = new Map<string, RegistryClient>();
  const clientFor = ({ domain, path }: Repository): RegistryClient => {
    const key = `${domain}/${path}`;
    const { insecure = false, mirrors = [], caFiles = [], configDir } = options;
    const known = clients.get(key);
    if (known !== undefined) return known;
    const settings = { domain, path, insecure, mirrors, caFiles, signal };
    const client = createRegistryClient({ ...settings, ...(configDir !== undefined && { configDir }) });
    clients.set(key, client);
    return client;
  };
  const contextOf = (context: FetchContext) => ({ root, clientFor, ...context });

  const bring = async (plan: LayerPlan, repository: Repository): Promise<string | undefined> => {
    const fetching = {
      store,
      client: clientFor(repository),
      workers: await engine.workers(),
      network: engine.network,
      repository: canonicalName({ ...repository, tag: undefined, digest: undefined }),
      signal,
    };
    const record = readLayer(root, plan.chainId);
    if (record !== undefined && hasDirectory(root, record.cacheId))
      return (await refetchLayer(plan, fetching)) ? undefined : inUse;
    if (plan.parent !== undefined && readLayer(root, plan.parent) === undefined) return 'the layer below it is missing';
    if (!(await clearRecord(store, plan))) return inUse;
    const quiet = { emit: () => undefined, onAccount: () => undefined };
    for (const lease of await fetchLayers([plan], { ...fetching, ...quiet })) lease.release();
    return undefined;
  };

  return {
    names: () => readRepositories(root),
    async fetchLayer({ chainId, diffId, parent, cacheId }, context) {
      const link = cacheId === undefined ? undefined : shortName(root, cacheId);
      if (cacheId !== undefined && link !== undefined && isLayerMounted(root, cacheId, link)) return inUse;
      const reasons: string[] = [];
      for await (const { repository, blob } of layerSources(chainId, contextOf(context))) {
        const plan: LayerPlan = {
          index: 0,
          blob: { ...blob, annotations: {}, platform: undefined },
          diffId,
          chainId,
          parent,
        };
        try {
          return await bring(plan, repository);
        } catch (error) {
          if (!(error instanceof KnownError) || signal.aborted) throw error;
          reasons.push(error.message);
        }
      }
      return reasons[0] ?? 'nothing tells where it came from: pull or load an image that has it';
    },
    async fetchDocuments(image, kind, context) {
      const kept = kind === 'fetch-config';
      for await (const { repository, manifest, documents } of manifestsOf(image, contextOf(context), { kept })) {
        if (kind === 'fetch-config') {
          const bytes = await clientFor(repository).getConfig(manifest.config);
          await store.exclusive(() => openImageDb(root).put(bytes));
        } else await store.exclusive(() => keep(root, image, documents));
        return undefined;
      }
      return 'no manifest of the image is kept, and no name of it has a digest by which a registry knows it';
    },
    async close() {
      for (const client of clients.values()) client.close();
      await engine.close();
    },
  };
}

function keep(root: string, image: ImageId, documents: readonly { digest: Digest; bytes: Buffer }[]): void {
  const dir = manifestsDir(root, hexOf(image));
  for (const path of [dirname(dir), dir]) ensureDirectory(path, 0o700);
  for (const { digest, bytes } of documents) writeFileDurably(join(dir, hexOf(digest)), bytes, 0o600);
}

function hasDirectory(root: string, cacheId: string): boolean {
  return shortName(root, cacheId) !== undefined;
}

/** Undefined where the directory is missing or has none. */
function shortName(root: string, cacheId: string): string | undefined {
  try {
    return lowerOf(root, cacheId)[0]?.slice('l/'.length);
  } catch (error) {
    if (error instanceof KnownError || errnoCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** What is left of the record gives way to a new one. False when somebody relies on the layer. */
function clearRecord(store: Store, { chainId }: LayerPlan): Promise<boolean> {
  return store.exclusive(() => {
    using lease = tryHoldLayer(store.root, chainId, 'exclusive');
    if (lease !== undefined) removeTree(layerRecordDir(store.root, chainId));
    return lease !== undefined;
  });
}
