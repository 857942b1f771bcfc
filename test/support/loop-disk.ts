/** Small file systems of a test's own that can fill up, turn read-only and lose power. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bind, check } from '../../store/linux/libc.js';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

const cIoctl = bind('int ioctl(int, ulong, void *)');

/** EXT4_IOC_SHUTDOWN of fs/ext4/ext4.h and XFS_IOC_GOINGDOWN of fs/xfs/libxfs/xfs_fs.h: both `_IOR('X', 125, __u32)`, with the same flags. */
const SHUTDOWN = 0x8004587d;

/** What {@link Disk.cut} loses: everything not on the disk; or file data not on the disk, with the journal committed first. */
export const powerCuts = { plain: 2, journalFirst: 1 } as const;

export interface Disk {
  /** Where it is mounted. */
  path: string;
  /** From now on nothing reaches the disk, as when the power fails: calls fail with EIO. */
  powerOff(flag: number): void;
  /** Mounts what has reached the disk. Nobody may have a file of it open. */
  powerOn(): void;
  /** Off and on. */
  cut(flag: number): void;
  remount(options: string): void;
}

function mustRun(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(findProgram(program) ?? program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

/** A directory that is unmounted before it is removed: what is done after a test is done in the order in which it was asked for. */
function mountedDir(t: Pick<TestContext, 'after'>, prefix: string): string {
  let path = '';
  t.after(() => spawnSync(findProgram('umount') ?? 'umount', ['-R', '-l', path]));
  path = tempDir(t, prefix);
  return path;
}

/** @param options of the mount: `size=1m,nr_inodes=100` */
export function tmpfsDisk(t: Pick<TestContext, 'after'>, options: string): Disk {
  const path = mountedDir(t, 'tspull-tmpfs-');
  mustRun('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path);
  const remount = (more: string) => mustRun('mount', '-o', `remount,${more}`, path);
  const powerOff = () => remount('ro');
  return { path, remount, powerOff, powerOn: () => remount('rw'), cut: powerOff };
}

/** An ext4 with a journal, in a file. */
export function ext4Disk(t: Pick<TestContext, 'after'>, mebibytes: number, ...mkfs: string[]): Disk {
  return loopDisk(t, mebibytes, ['mkfs.ext4', '-q', '-F', ...mkfs]);
}

/** An xfs of the smallest size that mkfs.xfs makes, in a file. */
export function xfsDisk(t: Pick<TestContext, 'after'>): Disk {
  return loopDisk(t, 300, ['mkfs.xfs', '-q']);
}

function loopDisk(t: Pick<TestContext, 'after'>, mebibytes: number, [mkfs = '', ...options]: string[]): Disk {
  const path = mountedDir(t, 'tspull-mount-');
  const image = join(tempDir(t, 'tspull-disk-'), 'image');
  writeFileSync(image, '');
  truncateSync(image, mebibytes * 1024 * 1024);
  mustRun(mkfs, ...options, image);
  const powerOff = (flag: number) => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const argument = Buffer.alloc(4);
    argument.writeUInt32LE(flag);
    try {
      check(cIoctl(fd, SHUTDOWN, argument), 'ioctl', path);
    } finally {
      closeSync(fd);
    }
  };
  const mount = () => mustRun('mount', '-o', 'loop', image, path);
  const powerOn = () => {
    mustRun('umount', '-R', path);
    waitUntilReleased(image);
    mount();
  };
  mount();
  return {
    path,
    remount: (more) => mustRun('mount', '-o', `remount,${more}`, path),
    powerOff,
    powerOn,
    cut(flag) {
      powerOff(flag);
      powerOn();
    },
  };
}

/**
 * A process that has just got mounts of its own, as every container does, has a copy of this one for an instant. As long as there
 * is one, mount(8) would give back the file system that has been cut off.
 */
function waitUntilReleased(image: string): void {
  const end = Date.now() + 20_000;
  while (spawnSync(findProgram('losetup') ?? 'losetup', ['-j', image]).stdout.length > 0)
    if (Date.now() > end) throw new Error(`somebody keeps ${image} mounted`);
}

/** Makes the kernel believe that the file system is damaged, so that it turns read-only (`-e remount-ro` of mkfs). */
export function breakFileSystem(path: string): void {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((entry) => entry.split(' ')[1] === path);
  const device = line?.split(' ')[0]?.replace('/dev/', '') ?? '';
  writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'a test');
}
