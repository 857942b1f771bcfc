/** Making a container without starting it. */
import { mkdirSync } from 'node:fs';
import { acquire, type HeldLock, removeLockFile } from '../../store/fs/lock.js';
import { randomId } from '../../store/fs/random-id.js';
import { recordUse } from '../../store/images/last-use.js';
import { createWritableLayer } from '../../store/layers/writable-layer.js';
import { parseChainId } from '../../store/oci/digest.js';
import { containerFiles, makeContainerFolders } from '../containers/container-files.js';
import { checkName, claimName, claimRandomName } from '../containers/container-name.js';
import { type ContainerRecord, type RestartPolicy, writeRecord } from '../containers/container-record.js';
import { recordEvent } from '../containers/events/journal.js';
import { removeContainer } from '../containers/remove-container.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { hostWith, joinedBy } from './join/joined-by.js';
import type { JoinedContainers } from './join/joined-containers.js';
import { makeVolumes } from './mounts/make-volumes.js';
import { planMounts } from './mounts/plan-mounts.js';
import type { RunImage, RunOptions } from './run-options.js';
import { type ContainerSpec, containerSpec } from './spec/container-spec.js';

export interface CreateRequest {
  /** A data root opened for running; the caller keeps it open until this is done. */
  root: string;
  image: RunImage;
  /** Arguments that replace the image's command. */
  command: readonly string[];
  options: RunOptions;
  restart?: RestartPolicy;
}

/**
 * Makes a container that can be started: its folder, its name, its layers; last its record says so. Options that no start
 * could fulfil are refused now.
 *
 * @throws KnownError with Docker's `exitCode` 125; then nothing is left
 */
export async function createContainer(
  request: CreateRequest,
): Promise<{ record: ContainerRecord; warnings: string[] }> {
  const { root, image, command, options, restart } = request;
  using joined = await joinedBy(root, options);
  const { lock, record, spec } = await beginContainer(request, joined);
  try {
    writeRecord(root, record);
    await pinLayers(root, record);
    await makeVolumes(root, record, spec.userns);
    record.request = { config: image.config, command: [...command], options };
    if (restart !== undefined) record.restart = restart;
    writeRecord(root, record);
    recordEvent(root, record, 'create');
    removeLockFile(containerFiles(root, record.id).live);
    return { record, warnings: spec.warnings };
  } catch (error) {
    removeContainer(root, record);
    throw error;
  } finally {
    lock.release();
  }
}

/** Checks the options, sweeps, and makes the lock, the folder and the name of a new container. */
export async function beginContainer(
  request: CreateRequest,
  joined: Partial<JoinedContainers>,
): Promise<{ lock: HeldLock; record: ContainerRecord; spec: ContainerSpec }> {
  const { root, image, command, options } = request;
  const id = randomId();
  if (options.name !== undefined) checkName(options.name);
  const spec = containerSpec(id, { image: image.config, command, options, host: hostWith(joined) });
  if (spec.userns !== undefined) {
    const { checkUserNamespace } = await import('./userns/id-maps.js');
    checkUserNamespace(spec.userns, options);
  }
  makeContainerFolders(root);
  sweepDeadContainers(root);
  const mounts = planMounts(root, image.config, options);
  // Another process that sweeps may have the new file for a moment; it takes it for that of a dead container and lets go.
  const files = containerFiles(root, id);
  const lock = await acquire(files.live, 'exclusive');
  const record: ContainerRecord = { ...newRecord(request, spec), mounts };
  if (joined.networkOf !== undefined) record.networkOf = joined.networkOf;
  try {
    mkdirSync(files.dir, 0o700);
    if (record.name === '') record.name = claimRandomName(root, id);
    else claimName(root, record.name, id);
    recordUse(root, image.id);
  } catch (error) {
    removeContainer(root, record);
    lock.release();
    throw error;
  }
  return { lock, record, spec };
}

function newRecord({ image, options }: CreateRequest, spec: ContainerSpec): ContainerRecord {
  return {
    id: spec.id,
    name: options.name ?? '',
    mountId: randomId(),
    image: { name: image.name, id: image.id, chainId: image.chainId },
    command: spec.argv,
    labels: options.labels ?? {},
    created: new Date().toISOString(),
    autoRemove: options.autoRemove ?? false,
    cgroups: [],
    state: 'created',
  };
}

export async function pinLayers(root: string, { id, mountId, image }: ContainerRecord): Promise<void> {
  const parent = image.chainId === undefined ? undefined : parseChainId(image.chainId);
  const layer = { containerId: id, mountId, parent };
  if (parent === undefined) return createWritableLayer(root, layer);
  const { holdLayer } = await import('../../store/layers/lease.js');
  using _lease = await holdLayer(root, parent, 'shared');
  createWritableLayer(root, layer);
}
