/** A pseudo-terminal in a devpts instance of the container's own: there it is /dev/pts/0. */
import { closeSync, constants } from 'node:fs';
import { openAt } from '../../../store/linux/inode.js';
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
  /** The detached mount of the devpts instance. */
  devpts: number;
  master: number;
  slave: number;
}

export interface WindowSize {
  rows: number;
  columns: number;
}

export function openPty(size: WindowSize): Pty {
  const parameters = [['newinstance'], ['ptmxmode', '0666'], ['mode', '0620'], ['gid', '5']] as const;
  const devpts = newMount('devpts', 'devpts', parameters, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = openAt(devpts, cstring('ptmx'), flags);
  try {
    check(cIoctl(master, TIOCSPTLCK, Buffer.alloc(4)), 'ioctl', 'TIOCSPTLCK');
    setWindowSize(master, size);
    const slave = check(cIoctlNumber(master, TIOCGPTPEER, flags | 0o2000000), 'ioctl', 'TIOCGPTPEER');
    return { devpts, master, slave };
  } catch (error) {
    closeSync(master);
    closeSync(devpts);
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
