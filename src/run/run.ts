/**
 * Runs a command in a new container of an image, from nothing to nothing: what is made is noted before, so that whatever
 * ends this process, the next one cleans up (src/containers/sweep.ts).
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquire, type HeldLock } from '../../store/fs/lock.js';
import { randomId } from '../../store/fs/random-id.js';
import { createWritableLayer } from '../../store/layers/writable-layer.js';
import { mountOverlay } from '../../store/linux/overlay.js';
import { overlayHome, readLower } from '../../store/overlay2/layer-dir.js';
import { type ContainerFiles, containerFiles, makeContainerFolders } from '../containers/container-files.js';
import { checkName, claimName, claimRandomName } from '../containers/container-name.js';
import { type ContainerRecord, writeRecord } from '../containers/container-record.js';
import { recordExit } from '../containers/record-exit.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { allFolders, type ContainerCgroup, prepareCgroup } from './cgroup/container-cgroup.js';
import { wasOutOfMemory } from './cgroup/memory-events.js';
import type { JoinedContainers } from './join/joined-containers.js';
import type { RunHooks } from './run-hooks.js';
import type { RunImage, RunOptions } from './run-options.js';
import { type ContainerSpec, containerSpec } from './spec/container-spec.js';
import { hostFacts } from './spec/host-facts.js';
import { launch } from './start/launch.js';

export interface RunRequest {
  /** A data root opened for writing; the caller keeps it open while the container runs. */
  root: string;
  image: RunImage;
  /** Arguments that replace the image's command. */
  command: readonly string[];
  options: RunOptions;
  /** Told before the start, because afterwards the streams may be the container's. */
  onWarning?: (text: string) => void;
  hooks?: RunHooks;
}

export interface RunResult {
  id: string;
  name: string;
  /** The command's; 128 and the number of the signal that killed it. */
  exitCode: number;
  /** Whether the kernel killed a process for want of memory. */
  oomKilled: boolean;
}

/**
 * Runs a container in the foreground: streams of this process are the container's, and signals are handed on to it.
 *
 * @throws KnownError with Docker's `exitCode` 125, 126 or 127 when the command could not be started; then nothing is left
 */
export async function run(request: RunRequest): Promise<RunResult> {
  const { root, image, options } = request;
  const id = randomId();
  const { name: wantedName } = options;
  if (wantedName !== undefined) checkName(wantedName);
  const joined = await joinedBy(root, options);
  using _joined = { [Symbol.dispose]: () => joined?.close() };
  const host = { ...hostFacts(), ...(joined?.hostname !== undefined && { hostname: joined.hostname }) };
  const spec = containerSpec(id, { image: image.config, command: request.command, options, host });
  makeContainerFolders(root);
  sweepDeadContainers(root);
  using lock = await holdContainer(root, id);
  const record = newRecord(request, spec);
  if (joined?.networkOf !== undefined) record.networkOf = joined.networkOf;
  try {
    return await runRecorded(request, spec, record, joined?.namespaces ?? {});
  } catch (error) {
    removeContainer(root, record);
    lock.release();
    throw error;
  }
}

async function joinedBy(root: string, options: RunOptions): Promise<JoinedContainers | undefined> {
  const { network, pid, ipc, uts } = options;
  if (![network, pid, ipc, uts].some((option) => option?.startsWith('container:'))) return undefined;
  const { openJoined } = await import('./join/joined-containers.js');
  return openJoined(root, options);
}

/** Another process that sweeps may have the new file for a moment; it takes it for that of a dead container and lets go. */
function holdContainer(root: string, id: string): Promise<HeldLock> {
  return acquire(containerFiles(root, id).live, 'exclusive');
}

function newRecord({ image, options }: RunRequest, spec: ContainerSpec): ContainerRecord {
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

async function runRecorded(
  request: RunRequest,
  spec: ContainerSpec,
  record: ContainerRecord,
  namespaces: JoinedContainers['namespaces'],
): Promise<RunResult> {
  const { root, image } = request;
  const files = containerFiles(root, spec.id);
  mkdirSync(files.dir, 0o700);
  if (record.name === '') record.name = claimRandomName(root, spec.id);
  else claimName(root, record.name, spec.id);
  const cgroup = makeCgroup(root, spec, record, request.options.runtime);
  for (const warning of [...spec.warnings, ...cgroup.warnings]) request.onWarning?.(warning);
  await pinLayers(root, image, record);
  writeFiles(files, spec);
  if (!record.autoRemove) writeRecord(root, Object.assign(record, { state: 'running' }));
  const rootfs = mountOverlay({
    home: overlayHome(root),
    lower: readLower(root, record.mountId),
    upper: { diff: join(record.mountId, 'diff'), work: join(record.mountId, 'work') },
    // Nothing of a container that is thrown away needs to reach the disk.
    volatile: record.autoRemove,
  });
  const { hooks } = request;
  const shown = record.networkOf === undefined ? files : { ...containerFiles(root, record.networkOf), dir: files.dir };
  const start = { spec, rootfs, files: shown, cgroup, namespaces, ...(hooks && { hooks }) };
  const { runtime } = request.options;
  const exitCode =
    runtime === undefined
      ? await launch(start)
      : await (await import('./oci/launch-runtime.js')).launchRuntime(runtime, start);
  hooks?.ended({ root, mountId: record.mountId, cgroups: record.cgroups });
  return await finish(root, record, exitCode);
}

/** The record is written before the first cgroup is made. */
function makeCgroup(root: string, spec: ContainerSpec, record: ContainerRecord, runtime?: string): ContainerCgroup {
  const announce = (folders: string[]): void => {
    record.cgroups = runtime === undefined ? folders : allFolders(spec.id);
    writeRecord(root, record);
  };
  const cgroup = prepareCgroup({ id: spec.id, limits: spec.limits, devices: spec.deviceRules, announce });
  if (cgroup.folders.length === 0) announce([]);
  return cgroup;
}

async function pinLayers(root: string, image: RunImage, record: ContainerRecord): Promise<void> {
  const layer = { containerId: record.id, mountId: record.mountId, parent: image.chainId };
  if (image.chainId === undefined) return createWritableLayer(root, layer);
  const { holdLayer } = await import('../../store/layers/lease.js');
  using _lease = await holdLayer(root, image.chainId, 'shared');
  createWritableLayer(root, layer);
}

function writeFiles(files: ContainerFiles, { files: texts }: ContainerSpec): void {
  writeFileSync(files.hostname, texts.hostname, { mode: 0o644 });
  writeFileSync(files.hosts, texts.hosts, { mode: 0o644 });
  writeFileSync(files.resolvConf, texts.resolvConf, { mode: 0o644 });
}

async function finish(root: string, record: ContainerRecord, exitCode: number): Promise<RunResult> {
  const oomKilled = wasOutOfMemory(record.cgroups);
  if (record.autoRemove) {
    removeContainer(root, record);
    await releaseImageLayers(root, record);
  } else recordExit(root, record, { exitCode, oomKilled });
  return { id: record.id, name: record.name, exitCode, oomKilled };
}
