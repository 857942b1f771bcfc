/** Directories and files whose mode is exactly as asked, whatever the caller's umask. */
import { chmodSync, closeSync, fchmodSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { isErrno } from '../errors.js';

/** Makes a directory; an existing one is an error. */
export function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { mode: 0o700 });
  chmodSync(path, mode);
}

/** Makes a directory unless it is there; the mode of an existing one is left alone. Its parent must exist. */
export function ensureDirectory(path: string, mode: number): void {
  try {
    makeDirectory(path, mode);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/** Writes a file that must not exist yet. Not synced: for files that a later rename or syncfs publishes. */
export function writeNewFile(path: string, text: string, mode: number): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}
