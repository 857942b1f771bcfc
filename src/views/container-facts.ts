/** What listings and inspect say of a container, worked out from its record. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../store/errors.js';
import { layerDirs } from '../../store/overlay2/layer-dir.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { humanDuration } from '../images/human.js';
import type { ImageRunConfig, RunOptions } from '../run/run-options.js';

export function optionsOf({ request }: ContainerRecord): RunOptions {
  return (request?.options ?? {}) as RunOptions;
}

export function configOf({ request }: ContainerRecord): ImageRunConfig {
  return (request?.config ?? {}) as ImageRunConfig;
}

/** Those of the image, and those that were given. */
export function labelsOf(record: ContainerRecord): Record<string, string> {
  return { ...configOf(record).Labels, ...record.labels };
}

/** Docker's name of the network: `none`, `host`, or `container:ID`. */
export function networkModeOf(record: ContainerRecord): string {
  const { network = 'none' } = optionsOf(record);
  return record.networkOf === undefined ? network : `container:${record.networkOf}`;
}

/** Names of the networks that it is in; one that shares another container's is in none of its own. */
export function networksOf(record: ContainerRecord): string[] {
  const mode = networkModeOf(record);
  return mode.startsWith('container:') ? [] : [mode];
}

export interface MountFact {
  type: string;
  /** Of a volume. */
  name: string | undefined;
  source: string;
  target: string;
  readonly: boolean;
  propagation: string;
}

export function mountsOf(record: ContainerRecord): MountFact[] {
  return (optionsOf(record).mounts ?? []).map((mount) => {
    const fields = mount as { name?: string; source?: string; readonly?: boolean; propagation?: string };
    return {
      type: mount.type,
      name: fields.name,
      source: fields.source ?? '',
      target: mount.target,
      readonly: fields.readonly ?? false,
      propagation: mount.type === 'bind' ? (fields.propagation ?? 'rprivate') : '',
    };
  });
}

/** `Up 2 minutes (Paused)`, `Exited (3) 2 hours ago` */
export function statusText(
  { state, created, started, exitCode, finished, health }: ContainerRecord,
  now: number,
): string {
  const since = (time: string): string => humanDuration(now - Date.parse(time));
  if (state === 'created') return 'Created';
  const up = `Up ${since(started ?? created)}`;
  const checked = health?.status === 'starting' ? 'health: starting' : health?.status;
  if (state === 'running') return checked === undefined ? up : `${up} (${checked})`;
  if (state === 'paused') return `${up} (Paused)`;
  if (state === 'restarting') return `Restarting (${exitCode ?? 0}) ${since(finished ?? created)} ago`;
  return `Exited (${exitCode ?? 0}) ${since(finished ?? created)} ago`;
}

/** The whole command as Docker prints it: arguments with blanks are in quotes. */
export function commandText([path = '', ...args]: readonly string[]): string {
  return [path, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}

/** Bytes of the files that the container itself has: apparent sizes, each file once. */
export function writableSize(root: string, { mountId }: ContainerRecord): number {
  const seen = new Set<number>();
  const sizeOf = (folder: string): number => {
    let sum = 0;
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        sum += sizeOf(path);
        continue;
      }
      // The container may be changing.
      const stats = entry.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined;
      if (stats === undefined || seen.has(stats.ino)) continue;
      seen.add(stats.ino);
      sum += stats.size;
    }
    return sum;
  };
  return sizeOf(layerDirs(root, mountId).diff);
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
