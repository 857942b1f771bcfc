/**
 * The only place that talks to native code. Everything here is mechanism: a bound C function, the errno of the call
 * just made, an address. Wrappers with typed arguments live next to this file, one subject each.
 *
 * Rules: errno is read in the same tick as the call; constants carry the name they have in the C headers; paths that
 * may hold any byte are passed as NUL-terminated buffers ({@link cstring}), never as JavaScript strings.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { KnownError, SyscallError } from '../errors.js';

type Koffi = typeof import('koffi').default;
type Library = ReturnType<Koffi['load']>;
/** What C accepts from us: integers, buffers (as pointers), strings (as UTF-8), null (as NULL). */
export type NativeArgument = number | bigint | string | Uint8Array | null;
export type NativeFunction = (...args: NativeArgument[]) => number;

let koffiModule: Koffi | undefined;
let libc: Library | undefined;

/**
 * The native file itself, without the JavaScript around it, which only looks for that file: 2 ms instead of 12 at every
 * start of a program. It is looked for as Node would look for its package, without reading what that says, which takes another one.
 * Undefined when it is not where npm puts it.
 */
function loadPrebuilt(): Koffi | undefined {
  const { arch } = process;
  const libcs = existsSync(`/lib/ld-musl-${arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`)
    ? ['musl', 'linux']
    : ['linux'];
  for (const name of libcs) {
    const target: { exports: unknown } = { exports: {} };
    const file = findAbove(import.meta.dirname, `node_modules/@koromix/koffi-linux-${arch}/${name}_${arch}/koffi.node`);
    if (file === undefined) continue;
    try {
      process.dlopen(target, file);
      return target.exports as Koffi;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ERR_DLOPEN_FAILED') throw error;
      if (/too many open files/i.test(String(error)))
        throw new SyscallError('dlopen', name, constants.errno.EMFILE, 'EMFILE');
    }
  }
  return undefined;
}

function requireKoffi(): Koffi {
  const { createRequire } = process.getBuiltinModule('node:module');
  return createRequire(import.meta.filename)('koffi') as Koffi;
}

/** In `folder` or the nearest above it. */
function findAbove(folder: string, path: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const file = join(at, path);
    if (existsSync(file)) return file;
    if (at === dirname(at)) return undefined;
  }
}

function koffi(): Koffi {
  if (koffiModule === undefined) {
    try {
      koffiModule = loadPrebuilt() ?? requireKoffi();
    } catch (cause) {
      if (cause instanceof SyscallError) throw cause;
      throw new KnownError('E_KERNEL', `cannot load the native module koffi for ${process.platform} ${process.arch}`, {
        cause,
        hint: 'reinstall tspull on this machine, so that npm picks the build for its processor and C library',
      });
    }
  }
  return koffiModule;
}

/** Opens a shared library, or returns undefined when the machine has none of the given names. */
export function openLibrary(...names: string[]): Library | undefined {
  for (const name of names) {
    try {
      return koffi().load(name);
    } catch (error) {
      if (!(error instanceof Error) || !/cannot open shared object|No such file|failed to load/i.test(error.message))
        throw error;
    }
  }
  return undefined;
}

type AsyncNativeFunction = NativeFunction & {
  async: (...args: [...NativeArgument[], (error: Error | null, result: number) => void]) => void;
};

/** Binds a function of the C library by its C prototype; the library is loaded at the first call. */
export function bind(prototype: string): NativeFunction {
  const get = lazily(prototype);
  return (...args) => get()(...args);
}

/** The same for a function that not every C library has; without it a call does nothing and returns undefined. */
export function bindIfThere(prototype: string): (...args: NativeArgument[]) => number | undefined {
  const get = lazily(prototype);
  return (...args) => {
    try {
      return get()(...args);
    } catch (error) {
      if (error instanceof Error && /cannot find function/i.test(error.message)) return undefined;
      throw error;
    }
  };
}

/** As {@link bind}, but undefined as long as nothing native has been loaded. */
export function bindIfLoaded(prototype: string): () => NativeFunction | undefined {
  const get = lazily(prototype);
  return () => (koffiModule === undefined ? undefined : get());
}

/**
 * Binds a function that Node's own executable exports. Returns undefined in its place where nothing native has been loaded
 * yet, or where there is no such function.
 */
export function bindOfNode(prototype: string): (...args: NativeArgument[]) => unknown {
  let bound: ((...args: NativeArgument[]) => unknown) | 'absent' | undefined;
  return (...args) => {
    if (koffiModule === undefined) return undefined;
    bound ??= findInNode(koffiModule, prototype);
    return bound === 'absent' ? undefined : bound(...args);
  };
}

function findInNode(module: Koffi, prototype: string): ((...args: NativeArgument[]) => unknown) | 'absent' {
  try {
    return module.load(null).func(prototype) as unknown as (...args: NativeArgument[]) => unknown;
  } catch (error) {
    if (error instanceof Error && /cannot find function/i.test(error.message)) return 'absent';
    throw error;
  }
}

/**
 * The same, called on a thread of the pool so that the event loop goes on. errno is not known afterwards. Never for calls
 * whose effect belongs to the calling thread.
 */
export function bindAsync(prototype: string): (...args: NativeArgument[]) => Promise<number> {
  const get = lazily(prototype);
  return (...args) =>
    new Promise((resolve, reject) => {
      get().async(...args, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
}

function lazily(prototype: string): () => AsyncNativeFunction {
  let bound: AsyncNativeFunction | undefined;
  return () => {
    if (bound === undefined) {
      libc ??= openLibrary('libc.so.6', `libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`);
      if (libc === undefined) throw new KnownError('E_KERNEL', 'cannot find the C library (libc.so.6)');
      bound = libc.func(prototype) as unknown as AsyncNativeFunction;
    }
    return bound;
  };
}

/** The errno that the last native call of this thread left. Read it before anything else runs. */
export function lastErrno(): number {
  return koffi().errno();
}

/** The address of the first byte of a buffer; valid as long as the buffer is referenced. */
export function addressOf(buffer: Uint8Array): bigint {
  return BigInt(koffi().address(buffer));
}

const errnoNames = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
// Node lists no name for these two aliases and for the few Linux errnos that libuv does not know.
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN');
errnoNames.set(95, 'EOPNOTSUPP');
errnoNames.set(117, 'EUCLEAN');

/** `ENOENT` for 2, and so on; `errno 999` where no name is known. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/** Returns `result` unless it is negative; then throws a {@link SyscallError} with the errno of the call. */
export function check(result: number, call: string, operands = ''): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  throw new SyscallError(call, operands, errno, errnoName(errno));
}

/** A path or name as C wants it: its bytes and a NUL. A NUL inside is refused, C would cut there. */
export function cstring(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.includes(0)) throw new SyscallError('cstring', JSON.stringify(Buffer.from(bytes).toString()), 22, 'EINVAL');
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}
