import {
  AT_FDCWD,
  MOVE_MOUNT_F_EMPTY_PATH,
  O_PATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../../../store/linux/flags.js';
import { MOVE_MOUNT_T_EMPTY_PATH } from '../../../store/linux/mount-flags.js';
import type { Program, Slot } from '../stage2/program.js';
import { S_IFREG } from './constants.js';
import { foldersOf } from './devices.js';

/** A detached mount and where it goes. */
export interface Attachment {
  /** Its descriptor in the stage-2 process. */
  fd: number;
  /** Absolute, without links and dots: what it was when it was checked. */
  target: string;
  /** Set below /dev, which is made anew for each start: what to make there to mount on. */
  make: 'directory' | 'file' | undefined;
}

/**
 * Attaches mounts in the order given. A target is opened without following any link: if something swapped a part of the
 * path since it was checked (another container that shares a volume could), it is tried again, and in the end the start fails.
 */
export function addAttachments(program: Program, attachments: readonly Attachment[]): void {
  if (attachments.length === 0) return;
  const how = openHow(program, O_PATH, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  for (const { fd, target, make } of attachments) {
    if (make !== undefined) {
      for (const folder of foldersOf(target))
        program.call('mkdirat', [AT_FDCWD, folder, 0o755], folder, { ignore: true });
      if (make === 'directory') program.call('mkdirat', [AT_FDCWD, target, 0o755], target, { ignore: true });
      else program.call('mknodat', [AT_FDCWD, target, S_IFREG | 0o755, 0], target, { ignore: true });
    }
    const point = openTarget(program, target, how);
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    program.call('move_mount', [fd, '', point, '', flags], `the volume on ${target}`);
    program.call('close', [point]);
  }
}

/**
 * How often a target is looked for, and the nanoseconds in between: somebody who swaps it for a link and back all the time, and is himself
 * made to wait now and then, does not keep a container from starting.
 */
const TRIES = 1000n;
const PAUSE_NS = 100_000n;

/** struct timespec */
function pause(program: Program): number {
  const time = Buffer.alloc(16);
  time.writeBigUInt64LE(PAUSE_NS, 8);
  return program.bytes(time);
}

function openTarget(program: Program, target: string, how: number): Slot {
  const point = program.slot();
  const counter = program.slot(TRIES);
  const again = program.label();
  const found = program.label();
  program.mark(again);
  program.call('openat2', [AT_FDCWD, target, how, 24], target, { save: point, ignore: true, onPositive: found });
  program.call('nanosleep', [pause(program), 0], '', { ignore: true });
  program.jumpWhileCounting(counter, again);
  program.fail(point, { call: 'openat2', operands: target });
  program.mark(found);
  return point;
}

/** struct open_how of linux/openat2.h. */
export function openHow(program: Program, flags: number, resolve: number): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return program.bytes(how);
}
