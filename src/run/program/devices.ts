import { dirname } from 'node:path';
import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND } from '../../../store/linux/flags.js';
import type { DeviceNode } from '../spec/devices.js';
import type { Program } from '../stage2/program.js';
import { S_IFBLK, S_IFCHR, S_IFREG } from './constants.js';

/** A device of the host, as a detached mount. */
export interface MountedDevice {
  /** Absolute, below /dev. */
  path: string;
  mount: number;
}

export const standard: readonly DeviceNode[] = [
  ['null', 1, 3] as const,
  ['zero', 1, 5] as const,
  ['full', 1, 7] as const,
  ['random', 1, 8] as const,
  ['urandom', 1, 9] as const,
  ['tty', 5, 0] as const,
].map(([name, major, minor]) => ({ path: `/dev/${name}`, type: 'c', major, minor, mode: 0o666, uid: 0, gid: 0 }));

const links = [
  ['/proc/self/fd', 'fd'],
  ['/proc/self/fd/0', 'stdin'],
  ['/proc/self/fd/1', 'stdout'],
  ['/proc/self/fd/2', 'stderr'],
  ['pts/ptmx', 'ptmx'],
] as const;

/** Fills the fresh /dev: Docker's devices and links, those asked for, and the terminal as console. */
export function addDevices(program: Program, devices: readonly (DeviceNode | MountedDevice)[], tty: boolean): void {
  program.call('umask', [0]);
  const paths = new Set(devices.map(({ path }) => path));
  for (const device of [...standard.filter(({ path }) => !paths.has(path)), ...devices])
    if ('mount' in device) mountDevice(program, device);
    else addDevice(program, device);
  for (const [target, name] of links)
    if (!paths.has(`/dev/${name}`)) program.call('symlinkat', [target, AT_FDCWD, `/dev/${name}`], `/dev/${name}`);
  if (tty) {
    program.call('mknodat', [AT_FDCWD, '/dev/console', S_IFREG | 0o600, 0], '/dev/console');
    program.call('mount', ['/dev/pts/0', '/dev/console', 0, MS_BIND, 0], '/dev/console');
  }
  program.call('umask', [0o022]);
}

function mountDevice(program: Program, { path, mount }: MountedDevice): void {
  for (const folder of foldersOf(path)) program.call('mkdirat', [AT_FDCWD, folder, 0o755], folder, { ignore: true });
  program.call('mknodat', [AT_FDCWD, path, S_IFREG | 0o666, 0], path);
  program.call('move_mount', [mount, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH], `the device ${path}`);
}

function addDevice(program: Program, { path, type, major, minor, mode, uid, gid }: DeviceNode): void {
  for (const folder of foldersOf(path)) program.call('mkdirat', [AT_FDCWD, folder, 0o755], folder, { ignore: true });
  const kind = type === 'c' ? S_IFCHR : S_IFBLK;
  const number =
    (BigInt(major & ~0xfff) << 32n) |
    BigInt((major & 0xfff) << 8) |
    (BigInt(minor >>> 8) << 20n) |
    BigInt(minor & 0xff);
  program.call('mknodat', [AT_FDCWD, path, kind | mode, number], `the device ${path}`);
  if (uid !== 0 || gid !== 0) program.call('fchownat', [AT_FDCWD, path, uid, gid, 0], path);
}

/** Directories between /dev and the path, outermost first. */
export function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === '/dev' || folder === '/' ? [] : [...foldersOf(folder), folder];
}
