/** Small file systems of a test's own that can fill up, turn read-only and lose power. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bind, check } from '../../store/linux/libc.js';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

const cIoctl = bind('int ioctl(int, ulong, void *)');

/** EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)` of fs/ext4/ext4.h. */
const SHUTDOWN = 0x8004587d;

/** What {@link Disk.cut} loses: everything not on the disk; or file data not on the disk, with the journal committed first. */
export const powerCuts = { plain: 2, journalFirst: 1 } as const;

export interface Disk {
  /** Where it is mounted. */
  path: string;
  /** From now on nothing reaches the disk, as when the power fails; then mounts what is there. */
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
  return { path, remount, cut: () => remount('ro') };
}

/** An ext4 with a journal, in a file. */
export function ext4Disk(t: Pick<TestContext, 'after'>, mebibytes: number, ...mkfs: string[]): Disk {
  const path = mountedDir(t, 'tspull-mount-');
  const image = join(tempDir(t, 'tspull-disk-'), 'image');
  writeFileSync(image, '');
  truncateSync(image, mebibytes * 1024 * 1024);
  mustRun('mkfs.ext4', '-q', '-F', ...mkfs, image);
  const mount = () => mustRun('mount', '-o', 'loop', image, path);
  mount();
  return {
    path,
    remount: (options) => mustRun('mount', '-o', `remount,${options}`, path),
    cut(flag) {
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      const argument = Buffer.alloc(4);
      argument.writeUInt32LE(flag);
      try {
        check(cIoctl(fd, SHUTDOWN, argument), 'ioctl', path);
      } finally {
        closeSync(fd);
      }
      mustRun('umount', '-R', path);
      mount();
    },
  };
}

/** Makes the kernel believe that the file system is damaged, so that it turns read-only (`-e remount-ro` of mkfs). */
export function breakFileSystem(path: string): void {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((entry) => entry.split(' ')[1] === path);
  const device = line?.split(' ')[0]?.replace('/dev/', '') ?? '';
  writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'a test');
}
