/**
 * Runs a command in a new container of an image, from nothing to nothing: what is made is noted before, so that whatever
 * ends this process, the next one cleans up (src/containers/sweep.ts).
 */

import { type ContainerRecord, writeRecord } from '../containers/container-record.js';
import { recordEvent } from '../containers/events/journal.js';
import { recordExit } from '../containers/record-exit.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { wasOutOfMemory } from './cgroup/memory-events.js';
import { beginContainer, pinLayers } from './create-container.js';
import { joinedBy } from './join/joined-by.js';
import { makeVolumes } from './mounts/make-volumes.js';
import type { RunHooks } from './run-hooks.js';
import type { RunImage, RunOptions } from './run-options.js';
import { makeCgroup, runInLayers, type Start } from './start-container.js';

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
  const { root, options, hooks } = request;
  using joined = await joinedBy(root, options);
  const { lock, record, spec } = await beginContainer(request, joined);
  // The record of one that is thrown away is written once.
  if (record.autoRemove) noteStart(record, request);
  try {
    const cgroup = makeCgroup(root, spec, record, options.runtime);
    const start = { root, record, spec, cgroup, joined, runtime: options.runtime, ...(hooks && { hooks }) };
    return await runToTheEnd(request, start);
  } catch (error) {
    removeContainer(root, record);
    recordEvent(root, record, 'destroy');
    throw error;
  } finally {
    lock.release();
  }
}

/** What it was made from serves commands in it and later starts; nobody keeps what it writes. */
function noteStart(record: ContainerRecord, { image, command, options }: RunRequest): void {
  const request = { config: image.config, command: [...command], options: { ...options, logDriver: 'none' } };
  Object.assign(record, { request, state: 'running', started: new Date().toISOString() });
}

async function runToTheEnd(request: RunRequest, start: Start): Promise<RunResult> {
  const { onWarning } = request;
  const { root, record, spec, cgroup, hooks } = start;
  for (const warning of [...spec.warnings, ...cgroup.warnings]) onWarning?.(warning);
  await pinLayers(root, record);
  await makeVolumes(root, record, spec.userns);
  recordEvent(root, record, 'create');
  if (!record.autoRemove) {
    noteStart(record, request);
    writeRecord(root, record);
  }
  recordEvent(root, record, 'attach');
  recordEvent(root, record, 'start');
  const exitCode = await runInLayers(start);
  hooks?.ended({ root, mountId: record.mountId, cgroups: record.cgroups });
  return await finish(root, record, exitCode);
}

async function finish(root: string, record: ContainerRecord, exitCode: number): Promise<RunResult> {
  const oomKilled = wasOutOfMemory(record.cgroups);
  if (oomKilled) recordEvent(root, record, 'oom');
  recordEvent(root, record, 'die', { exitCode: String(exitCode) });
  if (record.autoRemove) {
    removeContainer(root, record);
    recordEvent(root, record, 'destroy');
    await releaseImageLayers(root, record);
  } else recordExit(root, record, { exitCode, oomKilled });
  return { id: record.id, name: record.name, exitCode, oomKilled };
}
