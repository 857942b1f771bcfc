/** What can be mounted into a container: as it was asked for, and as it is remembered. */

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

/** A directory of the data root that outlives the container; it is made where missing. */
export interface VolumeMount {
  type: 'volume';
  /** Absent for an anonymous one, which gets a name of 64 hex digits. */
  name?: string;
  target: string;
  readonly?: boolean;
  /** Leave an empty one as it is, instead of filling it with what the image has at `target`. */
  noCopy?: boolean;
  /** For one that is made. */
  labels?: Record<string, string>;
}

export type MountRequest = BindMount | TmpfsMount | VolumeMount;

/** What a start mounts. */
export type HostMount = BindMount | TmpfsMount;

/** A volume that a container uses. */
export interface RecordedVolume extends VolumeMount {
  name: string;
  /** Nobody named it: it may go with its container. */
  anonymous: boolean;
}

/** The mounts of a container that is made. */
export type RecordedMount = BindMount | TmpfsMount | RecordedVolume;
