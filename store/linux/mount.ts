/**
 * Mounts that hang in no mount namespace: a descriptor holds each of them, files below it are reached with openat(2),
 * and a container attaches it in its own namespace. The host never sees a mount, and a killed process leaves none.
 */
import { closeSync, readSync } from 'node:fs';
import { KnownError, SyscallError } from '../errors.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE } from './flags.js';
import { bind, check, cstring, errnoName, lastErrno } from './libc.js';
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_CMD_RECONFIGURE,
  FSCONFIG_SET_FD,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  SYS_fsconfig,
  SYS_fsmount,
  SYS_fsopen,
  SYS_fspick,
  SYS_mount_setattr,
  SYS_open_tree,
} from './mount-flags.js';

const cFsopen = bind('long syscall(long, const void *, uint)');
const cFsconfig = bind('long syscall(long, int, uint, const void *, const void *, int)');
const cFsmount = bind('long syscall(long, int, uint, uint)');
const cOpenTree = bind('long syscall(long, int, const void *, uint)');
const cFspick = bind('long syscall(long, int, const void *, uint)');
const cMountSetattr = bind('long syscall(long, int, const void *, uint, const void *, size_t)');

/** A parameter of a file system: a flag when it has no value, a descriptor when it is a number. */
export type MountParameter = readonly [key: string, value?: string | number];

/**
 * Makes a new file system instance and returns the descriptor of its detached mount.
 *
 * @param attributes MOUNT_ATTR_ flags of the mount
 */
export function newMount(type: string, source: string, parameters: readonly MountParameter[], attributes = 0): number {
  const context = Number(cFsopen(SYS_fsopen, cstring(type), FSOPEN_CLOEXEC));
  if (context < 0) throw unsupported('fsopen', type);
  try {
    for (const [key, value] of [['source', source] as const, ...parameters]) {
      const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      if (typeof value === 'number') configure(context, FSCONFIG_SET_FD, key, undefined, value);
      else configure(context, command, key, value);
    }
    configure(context, FSCONFIG_CMD_CREATE, null, type);
    return Number(check(cFsmount(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), 'fsmount', type));
  } finally {
    closeSync(context);
  }
}

/** Changes parameters of the file system of a mount, wherever else it is mounted. */
export function reconfigureMount(mount: number, type: string, parameters: readonly MountParameter[]): void {
  const context = Number(cFspick(SYS_fspick, mount, cstring(''), FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (context < 0) throw unsupported('fspick', type);
  try {
    for (const [key, value] of parameters) configure(context, FSCONFIG_SET_STRING, key, String(value));
    configure(context, FSCONFIG_CMD_RECONFIGURE, null, type);
  } finally {
    closeSync(context);
  }
}

function configure(context: number, command: number, key: string | null, value: string | undefined, fd = 0): void {
  const ckey = key === null ? null : cstring(key);
  const cvalue = key === null || value === undefined ? null : cstring(value);
  if (Number(cFsconfig(SYS_fsconfig, context, command, ckey, cvalue, fd)) >= 0) return;
  const errno = lastErrno();
  const operands = [key, value, ...kernelMessages(context)].filter(Boolean).join(' ');
  throw new SyscallError('fsconfig', operands, errno, errnoName(errno));
}

/** What the kernel has to say about a failed configuration: lines that start with a level and a blank. */
function kernelMessages(context: number): string[] {
  const buffer = Buffer.alloc(512);
  const messages: string[] = [];
  try {
    for (;;) messages.push(buffer.toString('utf8', 2, readSync(context, buffer)).trim());
  } catch (error) {
    // ENODATA: no more messages. Anything else would hide the failure that is being explained.
    if (error instanceof Error && 'code' in error) return messages;
    throw error;
  }
}

/** A detached copy of the mount at `path`, with everything mounted below it when `recursive`. */
export function cloneMount(path: string | Uint8Array, options: { recursive?: boolean; dir?: number } = {}): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive ? AT_RECURSIVE : 0);
  const fd = Number(cOpenTree(SYS_open_tree, options.dir ?? AT_FDCWD, cstring(path), flags));
  if (fd < 0) throw unsupported('open_tree', String(path));
  return fd;
}

/** A detached copy of the mount that holds the open file, rooted at that file. */
export function cloneMountOf(fd: number, options: { recursive?: boolean } = {}): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (options.recursive ? AT_RECURSIVE : 0);
  const clone = Number(cOpenTree(SYS_open_tree, fd, cstring(''), flags));
  if (clone < 0) throw unsupported('open_tree', 'an open file');
  return clone;
}

export interface MountChange {
  /** MOUNT_ATTR_ flags. */
  set?: number;
  /** MS_SHARED and its like. */
  propagation?: number;
  /** With MOUNT_ATTR_IDMAP: a descriptor of the user namespace whose maps hold for the files of the mount. */
  userNamespace?: number;
  recursive?: boolean;
}

/** Changes a detached mount; Linux 5.12. */
export function changeMount(fd: number, change: MountChange): void {
  const attributes = Buffer.alloc(32); // struct mount_attr: set, clear, propagation, user namespace
  attributes.writeBigUInt64LE(BigInt(change.set ?? 0), 0);
  attributes.writeBigUInt64LE(BigInt(change.propagation ?? 0), 16);
  attributes.writeBigUInt64LE(BigInt(change.userNamespace ?? 0), 24);
  const flags = AT_EMPTY_PATH | (change.recursive ? AT_RECURSIVE : 0);
  if (Number(cMountSetattr(SYS_mount_setattr, fd, cstring(''), flags, attributes, 32)) < 0)
    throw unsupported('mount_setattr', '');
}

/** The error of the call just made; for ENOSYS one that names the kernel that is needed. */
function unsupported(call: string, operands: string): Error {
  const errno = lastErrno();
  const name = errnoName(errno);
  const failure = new SyscallError(call, operands, errno, name);
  if (name !== 'ENOSYS') return failure;
  return new KnownError('E_KERNEL', `the kernel lacks ${call}`, {
    cause: failure,
    hint: 'Linux 5.12 or newer is needed',
  });
}
