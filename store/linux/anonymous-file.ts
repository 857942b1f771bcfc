/** Files without a name: pipes, pairs of sockets, and executables that vanish with their last descriptor. */
import { closeSync, writeSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { O_CLOEXEC } from './flags.js';
import { bind, check, cstring } from './libc.js';

const cPipe2 = bind('int pipe2(void *, int)');
const cSocketpair = bind('int socketpair(int, int, int, void *)');
const cMemfdCreate = bind('int memfd_create(const void *, uint)');
const cFcntl = bind('int fcntl(int, int, int)');

// sys/socket.h; SOCK_CLOEXEC is O_CLOEXEC
const AF_UNIX = 1;
const SOCK_STREAM = 1;
// linux/memfd.h
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
// linux/fcntl.h
const F_ADD_SEALS = 1033;
const F_SEAL_EVERYTHING = 0x1 | 0x2 | 0x4 | 0x8;

/** pipe2(2): what is written to `write` comes out of `read`. Both are close-on-exec. */
export function makePipe(flags = 0): { read: number; write: number } {
  const fds = Buffer.alloc(8);
  check(cPipe2(fds, flags | O_CLOEXEC), 'pipe2');
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

/** Two stream sockets that are connected with each other, both close-on-exec. */
export function makeSocketPair(): [ours: number, theirs: number] {
  const fds = Buffer.alloc(8);
  check(cSocketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, fds), 'socketpair');
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/**
 * An executable in memory that nobody can change any more; undefined where the kernel forbids to execute such files
 * (`vm.memfd_noexec`).
 */
export function sealedExecutable(name: string, content: Uint8Array): number | undefined {
  const fd = createExecutable(name);
  if (fd === undefined) return undefined;
  try {
    for (let written = 0; written < content.length; ) written += writeSync(fd, content, written);
    check(cFcntl(fd, F_ADD_SEALS, F_SEAL_EVERYTHING), 'fcntl', 'F_ADD_SEALS');
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function createExecutable(name: string): number | undefined {
  try {
    return check(cMemfdCreate(cstring(name), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC), 'memfd_create', name);
  } catch (error) {
    // vm.memfd_noexec=2
    if (isErrno(error, 'EACCES', 'EPERM')) return undefined;
    // MFD_EXEC is new in Linux 6.3, where leaving it out means the same
    if (!isErrno(error, 'EINVAL')) throw error;
    return check(cMemfdCreate(cstring(name), MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create', name);
  }
}
