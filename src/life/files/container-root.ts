/** The files of a container, as a descriptor to look everything up below. */
import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { type HeldLock, tryAcquire } from '../../../store/fs/lock.js';
import { O_PATH } from '../../../store/linux/flags.js';
import { mountOverlay } from '../../../store/linux/overlay.js';
import { overlayHome, readLower } from '../../../store/overlay2/layer-dir.js';
import { containerFiles } from '../../containers/container-files.js';
import { type ContainerRecord, readRecord } from '../../containers/container-record.js';
import type { HostMount } from '../../containers/mount-request.js';
import { mountsOfHost } from '../../run/mounts/mounts-of-host.js';
import { openNamespaceOf } from '../../run/userns/container-owners.js';

export interface OpenedRoot extends Disposable {
  /** Of the root directory, open as a place to work from. */
  fd: number;
  /** What lies at its place in the container, which this root does not show: of one that does not run. */
  mounts: HostMount[];
}

/** The root as the container sees it, with its mounts: that of its process, or what a start would make of it. */
export async function openContainerRoot(root: string, record: ContainerRecord): Promise<OpenedRoot> {
  const { pid } = record;
  if (pid !== undefined && pid > 0 && record.state !== 'exited') {
    const fd = openOfProcess(root, record.id, pid);
    if (fd !== undefined) return opened(fd, [], undefined);
  }
  const lock = tryAcquire(containerFiles(root, record.id).live, 'exclusive');
  if (lock === undefined)
    throw new KnownError('E_CONFLICT', `the container ${record.id} is being started or ended: try again`);
  try {
    using namespace = await openNamespaceOf(root, record);
    return opened(mountLayers(root, record, namespace?.fd), mountsOfHost(root, record) ?? [], lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Its image's layers and its own, writable, without what is mounted on them. */
function mountLayers(root: string, { mountId }: ContainerRecord, idsOf: number | undefined): number {
  return mountOverlay({
    home: overlayHome(root),
    lower: readLower(root, mountId),
    upper: { diff: join(mountId, 'diff'), work: join(mountId, 'work') },
    ...(idsOf !== undefined && { idsOf }),
  });
}

function opened(fd: number, mounts: HostMount[], lock: HeldLock | undefined): OpenedRoot {
  return {
    fd,
    mounts,
    [Symbol.dispose]() {
      closeSync(fd);
      lock?.release();
    },
  };
}

/** The process is that of the container if the container still says so once its root is open. */
function openOfProcess(root: string, id: string, pid: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
  if (readRecord(root, id)?.pid === pid) return fd;
  closeSync(fd);
  return undefined;
}

export interface BehindMount {
  /** The directory to use as root. */
  source: string;
  path: string;
  readonly: boolean;
  /** One file is mounted, and this is it. */
  isFile: boolean;
}

/** A path of a container that does not run may lie in something that is mounted there: then the root to use, and the path below it. */
export function behindMounts(mounts: readonly HostMount[], path: string): BehindMount | undefined {
  const clean = posix.resolve('/', path);
  const depth = (target: string): number => target.split('/').length;
  const found = mounts
    .map((mount) => ({ mount, target: posix.resolve('/', mount.target) }))
    .filter(({ target }) => clean === target || clean.startsWith(`${target}/`))
    .sort((a, b) => depth(b.target) - depth(a.target))[0];
  if (found?.mount.type !== 'bind') return undefined;
  const { source, readonly = false } = found.mount;
  const rest = clean.slice(found.target.length);
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() !== false)
    return { source, path: rest || '/', readonly, isFile: false };
  const file = realpathSync(source);
  return { source: posix.dirname(file), path: `/${posix.basename(file)}${rest}`, readonly, isFile: true };
}
