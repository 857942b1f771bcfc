import { readFileSync, renameSync } from 'node:fs';
import { isErrno, KnownError } from '../../store/errors.js';
import { writeNewFile } from '../../store/fs/exact-mode.js';
import { containerFiles } from './container-files.js';
import type { RecordedMount } from './mount-request.js';

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'exited';

/** When a container is started again after its end; Docker's `--restart`. */
export interface RestartPolicy {
  name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** The most restarts after failures in a row; 0 for no limit. */
  maximum: number;
}

/** What its health checks found. */
export interface ContainerHealth {
  status: 'starting' | 'healthy' | 'unhealthy';
  /** Failures in a row that count. */
  failingStreak: number;
  /** The last ones, oldest first. Times are RFC 3339; -1 for a check that could not be made or took too long. */
  log: { start: string; end: string; exitCode: number; output: string }[];
}

/** What is remembered of a container. Written before anything of it exists, so that what is left can always be removed. */
export interface ContainerRecord {
  /** 64 hex digits. */
  id: string;
  /** Without Docker's leading slash. */
  name: string;
  /** The directory in overlay2/ of the writable layer. */
  mountId: string;
  image: { name: string; id: string; chainId: string | undefined };
  /** The whole command, entrypoint first. */
  command: string[];
  labels: Record<string, string>;
  /** RFC 3339. */
  created: string;
  /** Removed as soon as it ends. */
  autoRemove: boolean;
  /** All that is mounted into it, the volumes of its image among them. */
  mounts?: RecordedMount[];
  /** The id of the container whose network and files about it this one uses. */
  networkOf?: string;
  /** Folders below cgroup mounts that are the container's own. */
  cgroups: string[];
  state: ContainerState;
  /** What each start is made from: the image's configuration, the command and the options as they were given. */
  request?: { config: object; command: string[]; options: object };
  restart?: RestartPolicy;
  /** Restarts by the policy since somebody started it. */
  restartCount?: number;
  /** Somebody stopped it: policies leave it alone until somebody starts it. */
  stopped?: boolean;
  /** The first process as the host sees it, while it runs. */
  pid?: number;
  /** Of the last run; absent for a container without a check. */
  health?: ContainerHealth;
  /** RFC 3339, of the last start. */
  started?: string;
  /** Once exited, of the last run. */
  exitCode?: number;
  oomKilled?: boolean;
  finished?: string;
  /** Why the last start failed. */
  error?: string;
}

/** Not synced to disk: what matters after a power cut, the layers' pin, is found again by its own files. */
export function writeRecord(root: string, record: ContainerRecord): void {
  const path = containerFiles(root, record.id).record;
  const temporary = `${path}.${process.pid}`;
  writeNewFile(temporary, `${JSON.stringify(record)}\n`, 0o600);
  renameSync(temporary, path);
}

/** Undefined when there is no such container. */
export function readRecord(root: string, id: string): ContainerRecord | undefined {
  const { record } = containerFiles(root, id);
  let text: string;
  try {
    text = readFileSync(record, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as ContainerRecord;
  } catch (cause) {
    throw new KnownError('E_STORE', `the container record ${JSON.stringify(record)} is damaged`, { cause });
  }
}
