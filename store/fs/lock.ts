/** Lock files: an flock on a file of our own, released by the kernel when the holder dies. */
import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { type LockMode, tryLock } from '../linux/flock.js';

export interface HeldLock extends Disposable {
  /** Of the lock file, open for reading and writing as long as the lock is held. */
  readonly fd: number;
  /** Changes the mode without waiting; false when another holder is in the way (the lock may then be lost). */
  convert(mode: LockMode): boolean;
  release(): void;
}

/** Takes the lock if it is free. The file is made (0600) where missing; its directory must exist. */
export function tryAcquire(path: string, mode: LockMode): HeldLock | undefined {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    let held = false;
    try {
      if (!tryLock(fd, mode)) return undefined;
      held = isStillAt(fd, path);
      if (held) return handle(fd);
    } finally {
      if (!held) closeSync(fd);
    }
  }
}

/** Someone may have removed or replaced the file between open and lock; a lock on the old one protects nothing. */
function isStillAt(fd: number, path: string): boolean {
  try {
    const there = statSync(path);
    const ours = fstatSync(fd);
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function handle(fd: number): HeldLock {
  let open = true;
  const release = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return { fd, convert: (mode) => tryLock(fd, mode), release, [Symbol.dispose]: release };
}

export interface AcquireOptions {
  signal?: AbortSignal | undefined;
  /** Called once if the lock is not free at once. */
  onWait?: () => void;
}

/** Waits for the lock: it is tried again every 2 to 50 ms, so that waiting never blocks the event loop. */
export async function acquire(path: string, mode: LockMode, options: AcquireOptions = {}): Promise<HeldLock> {
  let waited = false;
  for (let delayMs = 2; ; delayMs = Math.min(delayMs * 1.5, 50)) {
    options.signal?.throwIfAborted();
    const lock = tryAcquire(path, mode);
    if (lock !== undefined) return lock;
    if (!waited) options.onWait?.();
    waited = true;
    // Loaded when there is something to wait for.
    const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');
    await sleep(delayMs, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** Removes a lock file that this process holds exclusively; waiters notice and make a new one. */
export function removeLockFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
