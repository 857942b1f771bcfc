import { readFileSync, renameSync } from 'node:fs';
import { isErrno, KnownError } from '../../store/errors.js';
import { writeNewFile } from '../../store/fs/exact-mode.js';
import { containerFiles } from './container-files.js';

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
  /** The id of the container whose network and files about it this one uses. */
  networkOf?: string;
  /** Folders below cgroup mounts that are the container's own. */
  cgroups: string[];
  state: 'created' | 'running' | 'exited';
  /** Once exited. */
  exitCode?: number;
  oomKilled?: boolean;
  finished?: string;
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
