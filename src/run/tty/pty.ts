/** Pseudo-terminals in the devpts instance of a container. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../../../store/linux/flags.js';
import { openAt, openAt2 } from '../../../store/linux/inode.js';
import { bind, check, cstring } from '../../../store/linux/libc.js';
import { newMount } from '../../../store/linux/mount.js';
import { MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID } from '../../../store/linux/mount-flags.js';

const cIoctl = bind('int ioctl(int, ulong, void *)');
const cIoctlNumber = bind('int ioctl(int, ulong, long)');

// asm-generic/ioctls.h
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;

export interface Pty {
  /** The detached mount of the devpts instance; undefined for that of a container that runs. */
  devpts: number | undefined;
  master: number;
  slave: number;
}

export interface WindowSize {
  rows: number;
  columns: number;
}

/** The group `tty`, which terminals belong to. */
export const TTY_GROUP = 5;

/** Of an instance whose terminals belong to a group; `ptmxmode` because everybody may open some. */
export const devptsParameters = (group: number) =>
  [
    ['ptmxmode', '0666'],
    ['mode', '0620'],
    ['gid', String(group)],
  ] as const;

const OPEN_FLAGS = constants.O_RDWR | constants.O_NOCTTY;
/** The number of the device: major 5, minor 2. */
const PTMX = 0x502;

/** In a new instance, where it is /dev/pts/0. */
export function openPty(size: WindowSize): Pty {
  const parameters = [['newinstance'] as const, ...devptsParameters(TTY_GROUP)];
  const devpts = newMount('devpts', 'devpts', parameters, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  try {
    return { devpts, ...openPair(openAt(devpts, cstring('ptmx'), OPEN_FLAGS), size) };
  } catch (error) {
    closeSync(devpts);
    throw error;
  }
}

/**
 * In the instance of a container that runs.
 *
 * @param root a descriptor of its root, where somebody may have put anything in place of the device
 */
export function openPtyOf(root: number, size: WindowSize): Pty {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  const found = openAt2(root, cstring('/dev/pts/ptmx'), O_PATH, resolve);
  try {
    const stats = fstatSync(found);
    if (!stats.isCharacterDevice() || stats.rdev !== PTMX)
      throw new KnownError('E_RUN', 'the container has no terminals: its /dev/pts/ptmx is something else');
    return { devpts: undefined, ...openPair(openSync(`/proc/self/fd/${found}`, OPEN_FLAGS), size) };
  } finally {
    closeSync(found);
  }
}

function openPair(master: number, size: WindowSize): { master: number; slave: number } {
  try {
    check(cIoctl(master, TIOCSPTLCK, Buffer.alloc(4)), 'ioctl', 'TIOCSPTLCK');
    setWindowSize(master, size);
    const slave = check(cIoctlNumber(master, TIOCGPTPEER, OPEN_FLAGS | 0o2000000), 'ioctl', 'TIOCGPTPEER');
    return { master, slave };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** struct winsize: rows, columns, and sizes in pixels that nobody knows. */
export function setWindowSize(master: number, { rows, columns }: WindowSize): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(cIoctl(master, TIOCSWINSZ, size), 'ioctl', 'TIOCSWINSZ');
}
