/**
 * Starting a program and waiting for its end, by posix_spawn(3) and waitpid(2). node:child_process does more (streams, shells,
 * messages), and loading it and forking this process cost a short command a tenth of its time; posix_spawn borrows the memory
 * instead of copying its tables.
 */

import { SyscallError } from '../errors.js';
import { addressOf, bind, check, cstring, errnoName, lastErrno } from './libc.js';

const cSpawn = bind('int posix_spawn(void *, const void *, const void *, const void *, const void *, const void *)');
const cActionsInit = bind('int posix_spawn_file_actions_init(void *)');
const cActionsDup2 = bind('int posix_spawn_file_actions_adddup2(void *, int, int)');
const cActionsDestroy = bind('int posix_spawn_file_actions_destroy(void *)');
const cAttributesInit = bind('int posix_spawnattr_init(void *)');
const cSetFlags = bind('int posix_spawnattr_setflags(void *, short)');
const cSetSigdefault = bind('int posix_spawnattr_setsigdefault(void *, const void *)');
const cWaitpid = bind('int waitpid(int, void *, int)');

// spawn.h, the same in glibc and musl. The mask of blocked signals is left empty in a new attribute object.
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
/** Also 32 and 33, which belong to the threads of glibc: it would leave them ignored. */
const ALL_SIGNALS = 0xffffffffffffffffn;
/** Larger than any C library's objects of these kinds. */
const OPAQUE_BYTES = 1024;
const SIGSET_BYTES = 128;
const WNOHANG = 1;

export interface SpawnRequest {
  path: string;
  /** The program's name first. The environment is empty. */
  argv: readonly string[];
  /** What becomes 0, 1, 2 and so on. */
  descriptors: readonly number[];
  /** The descriptor that `path` leads through, if it does: nothing may take its place before the program is executed. */
  through?: number;
}

/**
 * Starts the program in a session of its own, with every signal at its default. Descriptors that are close-on-exec and not
 * named do not reach it.
 *
 * @returns its process id; it stays a zombie until {@link exitOf} has seen its end
 * @throws SyscallError
 */
export function spawnInSession({ path, argv, descriptors, through = -1 }: SpawnRequest): number {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  checkErrno(cActionsInit(actions), path);
  try {
    for (const [source, target] of duplications(descriptors, through))
      checkErrno(cActionsDup2(actions, source, target), path);
    const attributes = Buffer.alloc(OPAQUE_BYTES);
    checkErrno(cAttributesInit(attributes), path);
    const signals = Buffer.alloc(SIGSET_BYTES);
    signals.writeBigUInt64LE(ALL_SIGNALS);
    checkErrno(cSetSigdefault(attributes, signals), path);
    checkErrno(cSetFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID), path);
    const pid = Buffer.alloc(4);
    const strings = argv.map(cstring);
    const pointers = Buffer.alloc(8 * (strings.length + 1));
    for (const [index, string] of strings.entries()) pointers.writeBigUInt64LE(addressOf(string), 8 * index);
    const noEnvironment = Buffer.alloc(8);
    checkErrno(cSpawn(pid, cstring(path), actions, attributes, pointers, noEnvironment), path);
    return pid.readInt32LE();
  } finally {
    cActionsDestroy(actions);
  }
}

/** In an order in which no duplication overwrites the source of a later one. */
function duplications(descriptors: readonly number[], through: number): [source: number, target: number][] {
  const direct = descriptors.map((source, target): [number, number] => [source, target]);
  if (descriptors.every((source, target) => source === target || source >= descriptors.length)) return direct;
  // By way of numbers that are neither sources nor targets; the program has to close what it did not ask for.
  const free = Math.max(descriptors.length, through + 1, ...descriptors.map((source) => source + 1));
  return [
    ...descriptors.map((source, target): [number, number] => [source, free + target]),
    ...descriptors.map((_, target): [number, number] => [free + target, target]),
  ];
}

/** The functions return an errno and leave the variable alone. */
function checkErrno(errno: number, path: string): void {
  if (errno !== 0) throw new SyscallError('posix_spawn', path, errno, errnoName(errno));
}

/** How a child ended. */
export type Exit = { code: number } | { signal: number };

/** Undefined as long as the child lives. Its id means nothing any more once its end was seen. */
export function exitOf(pid: number): Exit | undefined {
  const status = Buffer.alloc(4);
  while (true) {
    const result = cWaitpid(pid, status, WNOHANG);
    if (result === 0) return undefined;
    if (result < 0 && errnoName(lastErrno()) === 'EINTR') continue;
    check(result, 'waitpid', String(pid));
    const word = status.readInt32LE();
    const signal = word & 0x7f;
    return signal === 0 ? { code: (word >> 8) & 0xff } : { signal };
  }
}
