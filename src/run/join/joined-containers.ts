/** `--network container:ID` and its like: namespaces of running containers, found by their cgroups and held by descriptors. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { tryAcquire } from '../../../store/fs/lock.js';
import { type ContainerFiles, containerFiles } from '../../containers/container-files.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import { findContainer } from '../../containers/list-containers.js';
import type { RunOptions } from '../run-options.js';
import { openFirstProcess } from './first-process.js';

/** The options that can name a container, with the names of namespaces(7) in /proc and Docker's words. */
const kinds = {
  network: ['net', 'network namespace'],
  pid: ['pid', 'PID'],
  ipc: ['ipc', 'IPC'],
  uts: ['uts', 'UTS'],
} as const;
export type JoinedKind = keyof typeof kinds;

export interface JoinedContainers {
  /** Descriptors of namespaces; `mnt` is that of the container whose IPC namespace is joined, because of its /dev/shm. */
  namespaces: Partial<Record<JoinedKind | 'mnt', number>>;
  /** Whose network it is. */
  networkOf: string | undefined;
  /** The name that goes with the UTS or network namespace; undefined when neither is joined. */
  hostname: string | undefined;
  close(): void;
}

export function openJoined(root: string, options: RunOptions): JoinedContainers {
  checkNetworkConflicts(options);
  const opened: number[] = [];
  const joined: JoinedContainers = {
    namespaces: {},
    networkOf: undefined,
    hostname: undefined,
    close() {
      for (const fd of opened.splice(0)) closeSync(fd);
    },
  };
  try {
    for (const kind of Object.keys(kinds) as JoinedKind[]) {
      const name = joinedName(options[kind]);
      if (name === undefined) continue;
      const record = findRunning(root, name, kind);
      const process = openFirstProcess(record);
      if (process === undefined) throw notRunning(record, kind);
      opened.push(process);
      const open = (namespace: string): number => {
        const fd = openSync(`/proc/self/fd/${process}/ns/${namespace}`, constants.O_RDONLY);
        opened.push(fd);
        return fd;
      };
      joined.namespaces[kind] = open(kinds[kind][0]);
      if (kind === 'ipc') joined.namespaces.mnt = open('mnt');
      if (kind === 'network') joined.networkOf = record.networkOf ?? record.id;
      if (kind === 'uts' || (kind === 'network' && joined.hostname === undefined))
        joined.hostname = hostnameOf(containerFiles(root, record.networkOf ?? record.id), record.id);
    }
    return joined;
  } catch (error) {
    joined.close();
    throw error;
  }
}

/** What belongs to the network of another container cannot be chosen. */
function checkNetworkConflicts({ network, hostname, dns, extraHosts }: RunOptions): void {
  if (!network?.startsWith('container:')) return;
  if (hostname) throw conflict('hostname and the network mode');
  if (dns?.length) throw conflict('dns and the network mode');
  if (extraHosts?.length) throw conflict('custom host-to-IP mapping and the network mode');
}

function conflict(what: string): KnownError {
  return new KnownError('E_USAGE', `conflicting options: ${what}`, { exitCode: 125 });
}

/** The container of `container:NAME`. */
export function joinedName(option: string | undefined): string | undefined {
  return option?.startsWith('container:') ? option.slice('container:'.length) : undefined;
}

function findRunning(root: string, name: string, kind: JoinedKind): ContainerRecord {
  const record = findContainer(root, name);
  if (record.state === 'exited') throw notRunning(record, kind);
  using lock = tryAcquire(containerFiles(root, record.id).live, 'shared');
  if (lock === undefined) return record;
  throw notRunning(record, kind);
}

function notRunning({ id }: ContainerRecord, kind: JoinedKind): KnownError {
  const message = `cannot join ${kinds[kind][1]} of a non running container: ${id}`;
  return new KnownError('E_CONFLICT', message, { exitCode: 125 });
}

/** From the file that the container sees as /etc/hostname and may write to: a plain name, or the beginning of its id. */
export function hostnameOf(files: ContainerFiles, id: string): string {
  const fd = openSync(files.hostname, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(65);
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, 65, 0)).trim();
    return /^[\w.-]{1,64}$/.test(text) ? text : id.slice(0, 12);
  } finally {
    closeSync(fd);
  }
}
