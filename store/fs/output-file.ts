/** A file for the user, under its name once it is complete: whatever was there before stays until then. */
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoCode, isErrno, KnownError } from '../errors.js';
import { randomBytes } from '../linux/random.js';
import { printable } from '../printable.js';

export interface OutputFile extends Disposable {
  write(bytes: Uint8Array): void;
  /** Makes the file durable and visible (mode 0600). Without it the end leaves nothing behind. */
  commit(): void;
}

/** @throws KnownError E_OUTPUT, also of the functions of the result */
export function createOutputFile(path: string): OutputFile {
  const attempt = <T>(action: () => T): T => {
    try {
      return action();
    } catch (cause) {
      const code = errnoCode(cause);
      if (code === undefined) throw cause;
      throw new KnownError('E_OUTPUT', `cannot write "${printable(path, 300)}": ${code}`, { cause });
    }
  };
  attempt(() => refuseSpecialFile(path));
  const temporary = join(dirname(path), `.tmp-${basename(path).slice(0, 200)}-${randomBytes(8).toString('hex')}`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = attempt(() => openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  let committed = false;
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += attempt(() => writeSync(fd, bytes, at));
    },
    commit() {
      attempt(() => {
        fsyncSync(fd);
        renameSync(temporary, path);
      });
      committed = true;
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (!committed) rmSync(temporary, { force: true });
    },
  };
}

function refuseSpecialFile(path: string): void {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return;
    const what = stat.isDirectory() ? 'a directory' : 'what is no regular file';
    throw new KnownError('E_OUTPUT', `cannot write to ${what}: "${printable(path, 300)}"`);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
