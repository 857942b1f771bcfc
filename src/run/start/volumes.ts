/** Prepares what `-v`, `--mount` and `--tmpfs` ask for: detached mounts, and something in the root to attach each one to. */
import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs';
import { posix } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { canonicalPath, findInRoot, makeDirectoriesInRoot } from '../../../store/fs/inside-root.js';
import { MS_PRIVATE, MS_SLAVE, O_PATH } from '../../../store/linux/flags.js';
import { mknodAt } from '../../../store/linux/inode.js';
import { cstring } from '../../../store/linux/libc.js';
import { changeMount, cloneMountOf, newMount } from '../../../store/linux/mount.js';
import { MOUNT_ATTR_RDONLY } from '../../../store/linux/mount-flags.js';
import { printable } from '../../../store/printable.js';
import type { Attachment } from '../program/volumes.js';
import type { BindMount, HostMount } from '../run-options.js';
import { tmpfsParameters } from '../spec/tmpfs-options.js';

export interface PreparedVolume {
  /** The detached mount, a descriptor of this process. */
  mount: number;
  target: string;
  make: Attachment['make'];
}

/** In the order in which they are attached: outer ones first. */
export function prepareVolumes(rootfs: number, requests: readonly HostMount[]): PreparedVolume[] {
  const prepared: PreparedVolume[] = [];
  const depth = ({ target }: HostMount): number => posix.normalize(target).split('/').length;
  const mounts: number[] = [];
  try {
    for (const request of requests.toSorted((a, b) => depth(a) - depth(b))) {
      checkTarget(request.target);
      const mount = request.type === 'bind' ? cloneSource(request) : newTmpfs(request.target, request.options ?? '');
      mounts.push(mount);
      prepared.push({ mount, ...placeFor(rootfs, request.target, fstatSync(mount).isDirectory(), prepared) });
    }
    return prepared;
  } catch (error) {
    for (const mount of mounts) closeSync(mount);
    throw error;
  }
}

function checkTarget(target: string): void {
  const path = posix.normalize(target);
  if (path === '/') throw failure(`invalid specification: destination can't be '/'`);
  if (path === '/proc' || path.startsWith('/proc/'))
    throw failure(`"${printable(path)}" cannot be mounted because it is inside /proc`);
}

function cloneSource(request: BindMount): number {
  const source = openSource(request);
  try {
    const recursive = !request.nonRecursive;
    const mount = cloneMountOf(source, { recursive });
    const propagation = request.propagation ?? 'rprivate';
    if (!propagation.endsWith('shared'))
      changeMount(mount, { propagation: propagation.endsWith('slave') ? MS_SLAVE : MS_PRIVATE, recursive });
    if (request.readonly) changeMount(mount, { set: MOUNT_ATTR_RDONLY, recursive });
    return mount;
  } finally {
    closeSync(source);
  }
}

function openSource({ source, createSource }: BindMount): number {
  try {
    return openSync(source, O_PATH);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    if (!createSource)
      throw failure(`invalid mount config for type "bind": bind source path does not exist: ${printable(source)}`);
    mkdirSync(source, { recursive: true, mode: 0o755 });
    return openSync(source, O_PATH);
  }
}

function newTmpfs(target: string, options: string): number {
  const { attributes, parameters } = tmpfsParameters(options);
  try {
    return newMount('tmpfs', 'tmpfs', parameters, attributes);
  } catch (cause) {
    if (!isErrno(cause, 'EINVAL')) throw cause;
    throw new KnownError('E_USAGE', `invalid tmpfs options ${JSON.stringify(options)} for "${printable(target)}"`, {
      cause,
      exitCode: 125,
    });
  }
}

/** Finds or makes the place for a mount: below an outer volume in that volume, below /dev at the start, else in the root. */
function placeFor(
  rootfs: number,
  target: string,
  isDirectory: boolean,
  outer: readonly PreparedVolume[],
): { target: string; make: Attachment['make'] } {
  const path = posix.normalize(target).replace(/(.)\/$/, '$1');
  if ((path === '/sys' || path.startsWith('/sys/')) && path !== '/sys/fs/cgroup')
    return { target: path, make: undefined };
  const within = outer.findLast((volume) => path.startsWith(`${volume.target}/`));
  if (within === undefined && path.startsWith('/dev/'))
    return { target: path, make: isDirectory ? 'directory' : 'file' };
  if (within === undefined) return { target: makePlace(rootfs, path, isDirectory), make: undefined };
  const inside = makePlace(within.mount, path.slice(within.target.length), isDirectory);
  return { target: `${within.target}${inside}`, make: undefined };
}

/** What a place can answer while somebody swaps parts of its path. */
const passing = ['ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'EINVAL', 'EAGAIN'];
const TRIES = 100;

/** Returns the path of the place below `root`, free of links. */
function makePlace(root: number, path: string, isDirectory: boolean): string {
  for (let attempt = 1; ; attempt++) {
    try {
      return tryPlace(root, path, isDirectory);
    } catch (error) {
      if (attempt === TRIES || !isErrno(error, ...passing)) throw error;
    }
  }
}

function tryPlace(root: number, path: string, isDirectory: boolean): string {
  let place = findInRoot(root, path);
  if (place === undefined && isDirectory) place = makeDirectoriesInRoot(root, path);
  else if (place === undefined) {
    const folder = makeDirectoriesInRoot(root, posix.dirname(path));
    try {
      mknodAt(folder, cstring(posix.basename(path)), constants.S_IFREG | 0o755);
      place = findInRoot(folder, posix.basename(path));
    } finally {
      closeSync(folder);
    }
  }
  if (place === undefined) throw failure(`cannot make the mount point "${printable(path)}"`);
  try {
    const canonical = canonicalPath(place);
    // A link in the image may have led there.
    checkTarget(canonical);
    return canonical;
  } finally {
    closeSync(place);
  }
}

function failure(message: string): KnownError {
  return new KnownError('E_RUN', message, { exitCode: 125 });
}
