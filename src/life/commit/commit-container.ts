/** Makes an image of a container: its image, and above it a layer of what the container changed. */
import { closeSync, constants, openSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { openImageDb } from '../../../store/images/image-db.js';
import { setTag } from '../../../store/images/repositories.js';
import { updateRepositories } from '../../../store/images/repositories-file.js';
import { readLayer } from '../../../store/layers/layer-db.js';
import { type PreparedLayer, registerLayers } from '../../../store/layers/register.js';
import { prepareLayer, type StagedLayer, stageLayer } from '../../../store/layers/staging.js';
import { syncFileSystem } from '../../../store/linux/inode.js';
import {
  type ChainId,
  chainIdsOf,
  type DiffId,
  digestOf,
  type ImageId,
  parseImageId,
} from '../../../store/oci/digest.js';
import { layerDirs, lowerOf } from '../../../store/overlay2/layer-dir.js';
import type { Store } from '../../../store/store.js';
import { archiveContent } from '../../../store/tar/archive-tree.js';
import { extractLayer } from '../../../store/tar/extract-layer.js';
import { archiveEnd } from '../../../store/tar/member-header.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import { recordEvent } from '../../containers/events/journal.js';
import { familiarName, parseReference, withDefaultTag } from '../../reference.js';
import { ownersFor, usernsOf } from '../../run/userns/container-owners.js';
import { find } from '../ask.js';
import { pauseContainer } from '../lifecycle.js';
import { committedConfig } from './committed-config.js';
import { applyChange } from './config-changes.js';

export interface CommitOptions {
  author?: string;
  message?: string;
  /** Instructions of a Dockerfile, in their order. */
  changes?: readonly string[];
  /** Freezes a running container meanwhile; default true. */
  pause?: boolean;
}

/**
 * @param target the name of the image; without one it has only its id
 * @returns the id of the image
 * @throws KnownError E_NO_CONTAINER, E_REFERENCE, E_USAGE
 */
export async function commitContainer(
  store: Store,
  name: string,
  target: string | undefined,
  { author = '', message = '', changes = [], pause = true }: CommitOptions = {},
): Promise<ImageId> {
  const { root } = store;
  const reference = target === undefined ? undefined : withDefaultTag(parseReference(target));
  if (reference?.digest !== undefined)
    throw new KnownError('E_REFERENCE', 'refusing to create a tag with a digest reference');
  const record = find(root, name);
  const config = changes.reduce(applyChange, committedConfig(root, record));
  const freeze = pause && record.state === 'running';
  if (freeze) await pauseContainer(root, record.id, true);
  let layer: CommittedLayer;
  const disk = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    layer = await layerOf(store, record);
  } catch (error) {
    closeSync(disk);
    throw error;
  } finally {
    if (freeze) await pauseContainer(root, record.id, false);
  }
  try {
    await syncFileSystem(disk);
    return await store.exclusive(async () => {
      if (layer.prepared !== undefined) await registerLayers(root, [layer.prepared]);
      const images = openImageDb(root);
      const document = imageDocument(record, layer, { author, message, config });
      const id = images.put(Buffer.from(JSON.stringify(document)));
      const parent = parseImageId(record.image.id);
      if (images.get(parent) !== undefined) images.setParent(id, parent);
      if (reference !== undefined)
        updateRepositories(root, (all) => setTag(all, familiarName(reference), reference.tag ?? 'latest', id));
      const imageRef = reference === undefined ? '' : `${familiarName(reference)}:${reference.tag ?? 'latest'}`;
      recordEvent(root, record, 'commit', { comment: message, imageID: id, imageRef });
      return id;
    });
  } finally {
    closeSync(disk);
    layer.prepared?.staged.discard();
  }

  function imageDocument(
    { id, image, command }: ContainerRecord,
    { diffIds, prepared }: CommittedLayer,
    said: { author: string; message: string; config: object },
  ): object {
    const base = openImageDb(root).get(parseImageId(image.id))?.document ?? {};
    const created = new Date().toISOString();
    const step = {
      created,
      ...(said.author !== '' && { author: said.author }),
      created_by: command.join(' '),
      ...(said.message !== '' && { comment: said.message }),
      ...(prepared === undefined && { empty_layer: true }),
    };
    const history = Array.isArray(base['history']) ? base['history'] : [];
    return {
      architecture: base['architecture'] ?? (process.arch === 'x64' ? 'amd64' : process.arch),
      ...(base['variant'] !== undefined && { variant: base['variant'] }),
      ...(said.author !== '' && { author: said.author }),
      ...(said.message !== '' && { comment: said.message }),
      config: said.config,
      container: id,
      created,
      history: [...history, step],
      os: base['os'] ?? 'linux',
      rootfs: { type: 'layers', diff_ids: diffIds },
    };
  }
}

interface CommittedLayer {
  diffIds: readonly DiffId[];
  /** Undefined when the container changed nothing. */
  prepared: PreparedLayer | undefined;
}

/** An archive of nothing: Docker makes no layer of it. */
const nothing = digestOf(archiveEnd);

async function layerOf(store: Store, record: ContainerRecord): Promise<CommittedLayer> {
  const { root } = store;
  const below = diffIdsBelow(root, record.image.chainId as ChainId | undefined);
  const staged = await store.exclusive(() => stageLayer(root));
  try {
    const { diffId, size } = await extractChanges(root, record, staged);
    if (diffId === (nothing as string)) {
      staged.discard();
      return { diffIds: below, prepared: undefined };
    }
    const diffIds = [...below, diffId];
    const chainId = chainIdsOf(diffIds).at(-1);
    if (chainId === undefined) throw new Error('a layer has no chain');
    const parent = record.image.chainId as ChainId | undefined;
    const parentRecord = parent === undefined ? undefined : readLayer(root, parent);
    const lower = parentRecord === undefined ? [] : lowerOf(root, parentRecord.cacheId);
    prepareLayer(staged, { chainId, diffId, parent, lower, size });
    return { diffIds, prepared: { staged, chainId, parent } };
  } catch (error) {
    staged.discard();
    throw error;
  }
}

function diffIdsBelow(root: string, top: ChainId | undefined): DiffId[] {
  if (top === undefined) return [];
  const record = readLayer(root, top);
  if (record === undefined) throw new KnownError('E_STORE', `the layer ${top} is missing`);
  return [...diffIdsBelow(root, record.parent), record.diffId];
}

/** The archive of the writable layer goes straight into the new one, which so gets what a pull of it would give. */
async function extractChanges(
  root: string,
  container: ContainerRecord,
  { layer, record }: StagedLayer,
): Promise<{ diffId: DiffId; size: number }> {
  const extraction = extractLayer({
    layer,
    record,
    digest: undefined,
    diffId: undefined,
    maxPlainBytes: Number.MAX_SAFE_INTEGER,
  });
  const { diff } = layerDirs(root, container.mountId);
  const upper = openSync(diff, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const owners = ownersFor(usernsOf(container));
    const ownedBy = owners === undefined ? {} : { owner: owners.inside };
    await archiveContent(upper, (bytes) => extraction.push(bytes), { whiteouts: true, ...ownedBy });
    return extraction.finish();
  } finally {
    extraction.close();
    closeSync(upper);
  }
}
