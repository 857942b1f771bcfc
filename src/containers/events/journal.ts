/**
 * What happens to containers, one JSON object a line, appended by whoever makes it happen:
 *
 *     <root>/tspull/events/       0700
 *       journal                   0600
 *       journal.1                 0600  what came before, once the journal was long
 *       lock                      0600  held while the one becomes the other
 *
 * A line is written by one call, so a kill leaves it whole or not at all. Nothing is synced: after a power cut the last lines may be missing.
 */
import { closeSync, constants, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { ensureDirectory } from '../../../store/fs/exact-mode.js';
import { tryAcquire } from '../../../store/fs/lock.js';
import type { ContainerRecord } from '../container-record.js';

export interface ContainerEvent {
  /** Nanoseconds since 1970. */
  timeNano: bigint;
  type: 'container';
  action: string;
  id: string;
  attributes: Record<string, string>;
}

export const journalPath = (root: string): string => join(root, 'tspull', 'events', 'journal');

/** Then a new journal is begun, and the one before the last forgotten. */
const LONGEST_BYTES = 8 * 1024 * 1024;

/** What is about a full or broken disk must not keep a container from living or ending. */
const harmless = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG'];

/** Notes that something happened to a container. `more` are attributes beside its name, its image and its labels. */
export function recordEvent(
  root: string,
  { id, name, image, labels }: ContainerRecord,
  action: string,
  more: Record<string, string> = {},
): void {
  const timeNano = String(BigInt(Date.now()) * 1_000_000n);
  const attributes = { ...labels, image: image.name, name, ...more };
  append(root, `${JSON.stringify({ timeNano, type: 'container', action, id, attributes })}\n`);
}

function append(root: string, line: string): void {
  const path = journalPath(root);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    ensureDirectory(join(path, '..'), 0o700);
    const fd = openSync(path, flags, 0o600);
    try {
      writeSync(fd, line);
      if (fstatSync(fd).size > LONGEST_BYTES) rotate(root, fstatSync(fd).ino);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!isErrno(error, ...harmless)) throw error;
  }
}

/** Others may write to the old one until they open the next; they are read there. */
function rotate(root: string, ino: number): void {
  const path = journalPath(root);
  using lock = tryAcquire(join(path, '..', 'lock'), 'exclusive');
  if (lock !== undefined && statSync(path).ino === ino) renameSync(path, `${path}.1`);
}
