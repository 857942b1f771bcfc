/**
 * Overlay mounts of a stack of layers (docs/on-disk.md): detached, see mount.ts.
 *
 * Two ways to name the layers. Since Linux 6.7 each one is a parameter of its own (`lowerdir+`), up to 500. Before, all
 * share one page in mount(2), which cuts silently what is longer, so layers are named relative to the folder that
 * holds them and the length is checked here.
 */
import { closeSync, existsSync, mkdtempSync, openSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { MNT_DETACH, O_PATH } from './flags.js';
import { bind, check, cstring } from './libc.js';
import { changeMount, cloneMount, type MountParameter, newMount } from './mount.js';
import { MOUNT_ATTR_IDMAP, MOUNT_ATTR_RDONLY } from './mount-flags.js';

const cMount = bind('int mount(const void *, const void *, const void *, ulong, const void *)');
const cUmount = bind('int umount2(const void *, int)');
const cFchdir = bind('int fchdir(int)');

/** What mount(2) reads of its options: a page, with the NUL at the end. */
const OPTIONS_SIZE = 4096;
/** The longest value of fsconfig(2). */
const PARAMETER_SIZE = 255;

export interface OverlayStack {
  /** The folder that holds all layers, `<data root>/overlay2`. */
  home: string;
  /** Paths of the lower layers relative to `home`, uppermost first. */
  lower: readonly string[];
  /** The writable layer and its work folder, relative to `home`; without them the mount is read-only. */
  upper?: { diff: string; work: string };
  /** Leave the mount read-only although it has a writable layer. */
  readonly?: boolean;
  /** Keep overlay's attributes in `user.`, as a user namespace has to. */
  userxattr?: boolean;
  /**
   * Never flush the writable layer. Its work folder refuses other mounts afterwards, so only for layers that are thrown
   * away, or whose `work/incompat` is removed.
   */
  volatile?: boolean;
  /**
   * A descriptor of a user namespace: owners of files in the lower layers are seen through its maps. The writable layer has them as
   * they are seen.
   */
  idsOf?: number;
  /** One of the lower layers that was the writable one of such a mount: it has owners as they are seen. */
  unmapped?: string;
}

/** Mounts the stack and returns the descriptor of the detached mount. */
export function mountOverlay(stack: OverlayStack): number {
  const [only, ...more] = stack.lower;
  if (only === undefined) throw new RangeError('an overlay mount needs a lower layer');
  if (stack.idsOf !== undefined) return mountIdMapped(stack, stack.idsOf);
  if (stack.upper === undefined && more.length === 0) return cloneReadOnly(stack.home, only);
  try {
    return mountByParameters(stack);
  } catch (error) {
    // EINVAL: `lowerdir+` is not known; ENOSYS and EOPNOTSUPP: overlay or the calls are older still.
    if (!isErrno(error, 'EINVAL', 'EOPNOTSUPP') && !(error instanceof KnownError)) throw error;
    return mountByOptions(stack, error);
  }
}

function cloneReadOnly(home: string, layer: string): number {
  const fd = cloneMount(join(home, layer));
  try {
    changeMount(fd, { set: MOUNT_ATTR_RDONLY });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function flagParameters(stack: OverlayStack): MountParameter[] {
  const parameters: MountParameter[] = [];
  if (existsSync('/sys/module/overlay/parameters/index')) parameters.push(['index', 'off']);
  if (stack.userxattr) parameters.push(['userxattr']);
  if (stack.volatile && stack.upper) parameters.push(['volatile']);
  return parameters;
}

/** Overlay takes layers that are mapped mounts, and mounts that hang nowhere as layers. */
function mountIdMapped({ home, lower, upper, unmapped, ...stack }: OverlayStack, userNamespace: number): number {
  const layers: number[] = [];
  try {
    for (const layer of lower) {
      const fd = cloneMount(join(home, layer));
      layers.push(fd);
      if (layer !== unmapped) changeMount(fd, { set: MOUNT_ATTR_IDMAP, userNamespace });
    }
    const parameters: MountParameter[] = layers.map((fd) => ['lowerdir+', fd]);
    if (upper) parameters.push(['upperdir', join(home, upper.diff)], ['workdir', join(home, upper.work)]);
    return newMount('overlay', 'overlay', [
      ...flagParameters({ home, lower, ...stack, ...(upper && { upper }) }),
      ...parameters,
    ]);
  } catch (cause) {
    if (!isErrno(cause, 'EINVAL', 'EBADF')) throw cause;
    throw new KnownError('E_KERNEL', 'this kernel cannot mount layers with mapped owners', {
      hint: 'Linux 6.15 or newer is needed, and a file system that can map owners',
      cause,
      exitCode: 125,
    });
  } finally {
    for (const fd of layers) closeSync(fd);
  }
}

function mountByParameters(stack: OverlayStack): number {
  // A folder with unusual characters or a long name is reached through its descriptor.
  const plain = /^[\w./-]+$/.test(stack.home) && stack.home.length < PARAMETER_SIZE - 100;
  const folder = plain ? undefined : openSync(stack.home, O_PATH);
  const at = (path: string): string => join(folder === undefined ? stack.home : `/proc/self/fd/${folder}`, path);
  try {
    const parameters: MountParameter[] = [
      ...flagParameters(stack),
      ...stack.lower.map((layer): MountParameter => ['lowerdir+', at(layer)]),
    ];
    if (stack.upper) parameters.push(['upperdir', at(stack.upper.diff)], ['workdir', at(stack.upper.work)]);
    return newMount('overlay', 'overlay', parameters, stack.readonly ? MOUNT_ATTR_RDONLY : 0);
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

/** Where there is none for temporary files, or only one to read, other places in memory serve. */
function makeMountPoint(): string {
  for (const folder of [tmpdir(), '/run', '/dev/shm']) {
    try {
      return mkdtempSync(join(folder, 'tspull-overlay-'));
    } catch (error) {
      if (!isErrno(error, 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT')) throw error;
    }
  }
  throw new KnownError('E_KERNEL', `cannot make a mount point in ${tmpdir()}, /run or /dev/shm`, {
    hint: 'make one of them writable: kernels before 6.7 need it for a moment',
    exitCode: 125,
  });
}

/**
 * The form for older kernels: mount(2) in the folder of the layers, on a temporary mount point that is left again as
 * soon as the mount has a detached copy. Everything is synchronous, so no other code sees the changed directory.
 */
export function mountByOptions(stack: OverlayStack, cause?: unknown): number {
  const options = [
    ...flagParameters(stack).map(([key, value]) => (value === undefined ? key : `${key}=${value}`)),
    `lowerdir=${stack.lower.join(':')}`,
    ...(stack.upper ? [`upperdir=${stack.upper.diff}`, `workdir=${stack.upper.work}`] : []),
  ].join(',');
  if (options.length >= OPTIONS_SIZE)
    throw new KnownError('E_KERNEL', `${stack.lower.length} layers are too many for this kernel to mount`, {
      hint: 'Linux 6.7 or newer mounts up to 500',
      cause,
    });
  const here = openSync('.', O_PATH);
  const point = makeMountPoint();
  try {
    process.chdir(stack.home);
    check(cMount(cstring('overlay'), cstring(point), cstring('overlay'), 0, cstring(options)), 'mount', 'overlay');
    try {
      const fd = cloneMount(point);
      if (stack.readonly) changeMount(fd, { set: MOUNT_ATTR_RDONLY });
      return fd;
    } finally {
      check(cUmount(cstring(point), MNT_DETACH), 'umount2', point);
    }
  } finally {
    check(cFchdir(here), 'fchdir');
    closeSync(here);
    rmdirSync(point);
  }
}
