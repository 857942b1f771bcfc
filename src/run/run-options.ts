import type { ChainId } from '../../store/oci/digest.js';

/** The `config` object of an image's configuration, as far as a run reads it. The names are the format's. */
export interface ImageRunConfig {
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  User?: string | null;
  WorkingDir?: string | null;
  StopSignal?: string | null;
}

export interface RunImage {
  /** As the user wrote it. */
  name: string;
  /** `sha256:…` of the configuration. */
  id: string;
  /** The top layer; undefined for an image without layers. */
  chainId: ChainId | undefined;
  config: ImageRunConfig;
}

/** A directory or file of the host that a container sees at `target`. */
export interface BindMount {
  type: 'bind';
  source: string;
  target: string;
  readonly?: boolean;
  /** Make a missing source a directory (`-v`), rather than fail (`--mount`). */
  createSource?: boolean;
  /** How mounts spread between host and container; private unless said. */
  propagation?: 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';
  /** Leave out what is mounted below the source. */
  nonRecursive?: boolean;
}

export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  /** Options of mount(8), comma separated. */
  options?: string;
}

export type MountRequest = BindMount | TmpfsMount;

export interface Ulimit {
  /** `nofile` */
  name: string;
  soft: number;
  hard: number;
}

export interface DeviceRequest {
  source: string;
  target: string;
  /** Of `r`, `w`, `m`. */
  permissions: string;
}

/** Everything about a run that the image does not say. Sizes in bytes. Absent means Docker's default. */
export interface RunOptions {
  name?: string;
  autoRemove?: boolean;
  interactive?: boolean;
  tty?: boolean;
  /** Replaces the image's; an empty list clears it, and the image's command with it. */
  entrypoint?: string[];
  /** `NAME=value`; later ones win. */
  env?: string[];
  workdir?: string;
  user?: string;
  groupAdd?: string[];
  hostname?: string;
  domainname?: string;
  mounts?: MountRequest[];
  readonly?: boolean;
  shmSize?: number;
  network?: 'none' | 'host';
  pid?: 'host';
  ipc?: 'host' | 'private';
  uts?: 'host';
  memory?: number;
  /** Memory and swap together; -1 for no limit. */
  memorySwap?: number;
  cpus?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  pidsLimit?: number;
  ulimits?: Ulimit[];
  capAdd?: string[];
  capDrop?: string[];
  noNewPrivileges?: boolean;
  /** The text of a profile in Docker's format, or `unconfined`. */
  seccomp?: string;
  devices?: DeviceRequest[];
  sysctls?: Record<string, string>;
  init?: boolean;
  stopSignal?: string;
  /** Seconds after which a stop becomes a kill; -1 for never. Default 10. */
  stopTimeout?: number;
  /** Where output goes of a container that does not run in the foreground; default `json-file`. */
  logDriver?: 'json-file' | 'none';
  /** Bytes after which a new log file is begun. */
  logMaxSize?: number;
  /** How many log files are kept; default 1. */
  logMaxFiles?: number;
  /** `name:address` */
  extraHosts?: string[];
  dns?: string[];
  dnsSearch?: string[];
  labels?: Record<string, string>;
  oomScoreAdj?: number;
  privileged?: boolean;
}
