import type { ChainId } from '../../store/oci/digest.js';
import type { MountRequest } from '../containers/mount-request.js';

export type { BindMount, HostMount, MountRequest, TmpfsMount, VolumeMount } from '../containers/mount-request.js';

/** The `config` object of an image's configuration, as far as a run reads it. The names are the format's. */
export interface ImageRunConfig {
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  User?: string | null;
  WorkingDir?: string | null;
  StopSignal?: string | null;
  /** Paths that get anonymous volumes, as keys. */
  Volumes?: Record<string, object> | null;
  Labels?: Record<string, string> | null;
  Healthcheck?: ImageHealthcheck | null;
}

/** `HEALTHCHECK` of an image: `Test` is `NONE`, `CMD` and words, or `CMD-SHELL` and a line; durations in nanoseconds. */
export interface ImageHealthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
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

export interface Ulimit {
  /** `nofile` */
  name: string;
  soft: number;
  hard: number;
}

/** A block device, and its weight of 10 to 1000. */
export interface DeviceWeight {
  path: string;
  weight: number;
}

/** A block device, and how much of what a second. */
export interface DeviceThrottle {
  path: string;
  kind: 'read-bps' | 'write-bps' | 'read-iops' | 'write-iops';
  /** Bytes or operations. */
  rate: number;
}

export interface DeviceRequest {
  source: string;
  target: string;
  /** Of `r`, `w`, `m`. */
  permissions: string;
}

/** A running container by name, id or the beginning of one. */
export type OfContainer = `container:${string}`;

/** Everything about a run that the image does not say. Sizes in bytes. Absent means Docker's default. */
export interface RunOptions {
  /** An OCI runtime to hand the container to instead: a name such as `runc`, or a path. */
  runtime?: string;
  name?: string;
  autoRemove?: boolean;
  interactive?: boolean;
  /** Whether its input ends with that of who is attached to it; default true. */
  stdinOnce?: boolean;
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
  /** Containers whose volumes and bind mounts this one gets too: `NAME`, `NAME:ro`. */
  volumesFrom?: string[];
  readonly?: boolean;
  shmSize?: number;
  network?: 'none' | 'host' | OfContainer;
  pid?: 'host' | OfContainer;
  ipc?: 'host' | 'private' | OfContainer;
  uts?: 'host' | OfContainer;
  cgroupns?: 'host' | 'private';
  /** A user of /etc/subuid, whose ranges the container's ids are; `host` for none, the default. */
  userns?: string;
  memory?: number;
  /** Memory and swap together; -1 for no limit. */
  memorySwap?: number;
  /** What the container keeps when memory gets scarce on the machine. */
  memoryReservation?: number;
  /** 0 to 100; cgroup v1. */
  memorySwappiness?: number;
  /** At its limit the container waits for memory instead of being killed; cgroup v1. */
  oomKillDisable?: boolean;
  cpus?: number;
  /** Microseconds of processor time in each period, instead of `cpus`. */
  cpuQuota?: number;
  /** Microseconds. */
  cpuPeriod?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  pidsLimit?: number;
  /** 10 to 1000, against other containers. */
  blkioWeight?: number;
  blkioWeightDevices?: DeviceWeight[];
  throttles?: DeviceThrottle[];
  /** Bytes by page size as the kernel writes it, `2MB`. */
  hugetlb?: Record<string, number>;
  ulimits?: Ulimit[];
  capAdd?: string[];
  capDrop?: string[];
  noNewPrivileges?: boolean;
  /** The text of a profile in Docker's format, or `unconfined`. */
  seccomp?: string;
  /** The name of a profile that is loaded in the kernel, or `unconfined`. */
  apparmor?: string;
  /** Leave the kernel's files as they are: nothing masked, nothing read-only that Docker makes so. */
  unmaskedPaths?: boolean;
  devices?: DeviceRequest[];
  /** `c 42:* rmw`, as the device list of cgroup v1 has it. */
  deviceCgroupRules?: string[];
  sysctls?: Record<string, string>;
  init?: boolean;
  stopSignal?: string;
  /** In place of what the image says of health checks; for a container that a supervisor stands by. */
  health?: ImageHealthcheck;
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
