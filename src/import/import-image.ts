/** Makes an image of one layer from an archive of files. */
import { closeSync, constants, openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import { setTag } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import { explainIoFailure } from '../../store/io-failure.js';
import { registerLayers } from '../../store/layers/register.js';
import { prepareLayer, type StagedLayer, stageLayer } from '../../store/layers/staging.js';
import { syncFileSystem } from '../../store/linux/inode.js';
import { chainIdsOf, type DiffId, type ImageId } from '../../store/oci/digest.js';
import { hostPlatform, type Platform, parsePlatform } from '../../store/oci/platform.js';
import { defaultRoot, openForWriting, type Store } from '../../store/store.js';
import { extractLayer } from '../../store/tar/extract-layer.js';
import { applyChange, type ImageConfig } from '../life/commit/config-changes.js';
import { familiarName, parseReference, type Reference, withDefaultTag } from '../reference.js';
import { isUrl, openImportSource } from './import-source.js';

export interface ImportOptions {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** Instructions of a Dockerfile, in their order. */
  changes?: readonly string[];
  /** Of the image's history; default tells where it comes from. */
  message?: string;
  /** As `linux/arm64/v8`; default is this machine's. */
  platform?: string;
  /** Files with additional certificate authorities (PEM), for a URL. */
  caFiles?: string[];
  /** A server that brings less than 16 KiB in this time has stalled; default 30 000. */
  stallTimeoutMs?: number;
  signal?: AbortSignal;
}

/** What an archive expands to at the very most: deflate cannot exceed about 1030 : 1. Small ones may always have this much. */
const MAX_EXPANSION = 1100;
const SMALL_BYTES = 1024 ** 3;

/**
 * @param source a file (tar, or that with gzip or zstd), `-` for standard input, or a URL of http or https
 * @param target the name of the image; without one it has only its id
 * @returns the id of the image; if it throws, nothing has become visible
 * @throws KnownError E_REFERENCE, E_USAGE, E_PLATFORM, E_NOT_FOUND, E_ARCHIVE, and for a URL the codes of registries
 */
export async function importImage(
  source: string,
  target: string | undefined,
  options: ImportOptions = {},
): Promise<ImageId> {
  const { root = defaultRoot(), changes = [], message = '', signal = new AbortController().signal } = options;
  const name = target === undefined ? undefined : imageName(target);
  const config = changes.reduce(applyChange, emptyConfig);
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  const { caFiles = [], stallTimeoutMs } = options;
  const timeouts = stallTimeoutMs === undefined ? {} : { stallMs: stallTimeoutMs };
  const bytes = openImportSource(source, { caFiles, timeouts, signal });
  const comment =
    message === '' ? `Imported from ${isUrl(source) ? source.replace(/\/\/[^/@]*@/, '//') : '-'}` : message;
  try {
    using store = await openForWriting(root, signal);
    const make = (diffId: DiffId) => imageDocument({ config, platform, comment, diffId });
    return await importLayer(store, bytes, { name, make, signal });
  } catch (cause) {
    if (signal.aborted) throw new KnownError('E_CANCELLED', 'the import was cancelled', { cause });
    throw explainIoFailure(cause, root);
  }
}

function imageName(target: string): Reference {
  const reference = withDefaultTag(parseReference(target));
  if (reference.digest === undefined) return reference;
  throw new KnownError('E_REFERENCE', 'refusing to create a tag with a digest reference');
}

interface LayerImport {
  name: Reference | undefined;
  make: (diffId: DiffId) => object;
  signal: AbortSignal;
}

async function importLayer(
  store: Store,
  bytes: AsyncIterable<Buffer>,
  { name, make, signal }: LayerImport,
): Promise<ImageId> {
  const { root } = store;
  const disk = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  let staged: StagedLayer | undefined;
  try {
    staged = await store.exclusive(() => stageLayer(root));
    const { diffId, size } = await extract(bytes, staged, signal);
    const [chainId] = chainIdsOf([diffId]);
    if (chainId === undefined) throw new Error('a layer has no chain');
    prepareLayer(staged, { chainId, diffId, parent: undefined, lower: [], size });
    await syncFileSystem(disk);
    const layer = { staged, chainId, parent: undefined };
    return await store.exclusive(async () => {
      await registerLayers(root, [layer]);
      const id = openImageDb(root).put(Buffer.from(JSON.stringify(make(diffId))));
      if (name !== undefined)
        updateRepositories(root, (all) => setTag(all, familiarName(name), name.tag ?? 'latest', id));
      return id;
    });
  } finally {
    closeSync(disk);
    staged?.discard();
  }
}

async function extract(
  bytes: AsyncIterable<Buffer>,
  { layer, record }: StagedLayer,
  signal: AbortSignal,
): Promise<{ diffId: DiffId; size: number }> {
  let received = 0;
  const extraction = extractLayer({
    layer,
    record,
    digest: undefined,
    diffId: undefined,
    maxPlainBytes: () => Math.max(SMALL_BYTES, received * MAX_EXPANSION),
  });
  try {
    for await (const chunk of bytes) {
      signal.throwIfAborted();
      received += chunk.length;
      extraction.push(chunk);
      // Unpacking blocks this thread: a signal must come through between two pieces.
      await turn();
    }
    return extraction.finish();
  } finally {
    extraction.close();
  }
}

/** Every field that Docker writes even when there is nothing to say. */
const emptyConfig: ImageConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

interface ImageParts {
  config: ImageConfig;
  platform: Platform;
  comment: string;
  diffId: DiffId;
}

function imageDocument({ config, platform, comment, diffId }: ImageParts): object {
  const created = new Date().toISOString();
  return {
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    comment,
    config,
    created,
    history: [{ created, comment }],
    os: platform.os,
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
}
