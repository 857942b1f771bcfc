/** Starting a container that is made: cgroups, files of its own, the mount of its layers, its processes. */
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountOverlay } from '../../store/linux/overlay.js';
import { parseChainId } from '../../store/oci/digest.js';
import { layerDirs, overlayHome, readLower } from '../../store/overlay2/layer-dir.js';
import { type ContainerFiles, containerFiles } from '../containers/container-files.js';
import { type ContainerRecord, writeRecord } from '../containers/container-record.js';
import { allFolders, type ContainerCgroup, prepareCgroup } from './cgroup/container-cgroup.js';
import { hostWith } from './join/joined-by.js';
import type { JoinedContainers } from './join/joined-containers.js';
import { mountsOfHost } from './mounts/mounts-of-host.js';
import type { RunHooks } from './run-hooks.js';
import type { ImageRunConfig, RunOptions } from './run-options.js';
import { type ContainerSpec, containerSpec } from './spec/container-spec.js';
import { holdStack } from './start/hold-stack.js';
import { hostArchitecture, launch } from './start/launch.js';
import type { UserNamespace } from './userns/user-namespace.js';

/** What a start makes of a container today; the machine may have changed since the last one. */
export function specOf({ id, request }: ContainerRecord, joined: Partial<JoinedContainers>): ContainerSpec {
  if (request === undefined) throw new Error(`the container ${id} was made for one run`);
  const { config, command, options } = request;
  return containerSpec(id, {
    image: config as ImageRunConfig,
    command,
    options: options as RunOptions,
    host: hostWith(joined),
  });
}

/** The record is written before the first cgroup is made. */
export function makeCgroup(
  root: string,
  spec: ContainerSpec,
  record: ContainerRecord,
  runtime?: string,
): ContainerCgroup {
  const announce = (folders: string[]): void => {
    record.cgroups = runtime === undefined ? folders : allFolders(spec.id);
    writeRecord(root, record);
  };
  const cgroup = prepareCgroup({ id: spec.id, limits: spec.limits, devices: spec.deviceRules, announce });
  if (cgroup.folders.length === 0) announce([]);
  return cgroup;
}

export interface Start {
  root: string;
  record: ContainerRecord;
  spec: ContainerSpec;
  cgroup: ContainerCgroup;
  joined: Partial<JoinedContainers>;
  /** An OCI runtime that takes the place of ours. */
  runtime: string | undefined;
  hooks?: RunHooks;
}

/** Mounts and runs, and settles with the exit status of the command when the container has ended. */
export async function runInLayers({ root, record, spec, cgroup, joined, runtime, hooks }: Start): Promise<number> {
  const files = containerFiles(root, record.id);
  const { chainId } = record.image;
  using _stack = await holdStack(root, chainId === undefined ? undefined : parseChainId(chainId));
  writeFiles(files, spec);
  const diff = layerDirs(root, record.mountId).diff;
  using userNamespace = spec.userns === undefined ? undefined : await prepareUserNamespace(spec.userns, files, diff);
  const rootfs = mountOverlay({
    home: overlayHome(root),
    lower: readLower(root, record.mountId),
    upper: { diff: join(record.mountId, 'diff'), work: join(record.mountId, 'work') },
    // Nothing of a container that is thrown away needs to reach the disk.
    volatile: record.autoRemove,
    ...(userNamespace && { idsOf: userNamespace.fd }),
  });
  const shown = record.networkOf === undefined ? files : { ...containerFiles(root, record.networkOf), dir: files.dir };
  const { namespaces = {} } = joined;
  const mounts = mountsOfHost(root, record) ?? spec.mounts;
  const start = {
    spec: { ...spec, mounts },
    rootfs,
    files: shown,
    cgroup,
    namespaces,
    ...(userNamespace && { userNamespace }),
    ...(hooks && { hooks }),
  };
  if (runtime === undefined) return await launch(start);
  const { launchRuntime } = await import('./oci/launch-runtime.js');
  return await launchRuntime(runtime, start);
}

/** What is made for the container before it starts belongs to its root. */
async function prepareUserNamespace(name: string, files: ContainerFiles, diff: string): Promise<UserNamespace> {
  const { openUserNamespace } = await import('./userns/user-namespace.js');
  const namespace = await openUserNamespace(name, hostArchitecture(), files.dir);
  const { uid, gid } = namespace.root;
  for (const path of [files.hostname, files.hosts, files.resolvConf, diff]) chownSync(path, uid, gid);
  return namespace;
}

function writeFiles(files: ContainerFiles, { files: texts }: ContainerSpec): void {
  writeFileSync(files.hostname, texts.hostname, { mode: 0o644 });
  writeFileSync(files.hosts, texts.hosts, { mode: 0o644 });
  writeFileSync(files.resolvConf, texts.resolvConf, { mode: 0o644 });
}
