/**
 * Runs the bundles that programs and the layer worker consist of, with the machine code's precursor, V8's bytecode, from a cache, which
 * saves the quarter of a short command's time that compiling takes. Node 22 has the like (`module.enableCompileCache`), Node 20
 * does not, and a shipped cache would fit one build of Node only.
 *
 * V8 executes what such a file says, so it is only taken from a directory and a file that nobody else could have written.
 * V8 itself refuses a cache of another version, of other flags, or of a source of another length.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Module } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Filled in when the file is bundled: a digest of all bundles. */
declare const BUILD: string;

const GROUP_OR_OTHERS_MAY_WRITE = 0o022;
/** What is smaller is compiled, as far as it is used, in the time that reading its compiled code takes. */
const SMALL_BYTES = 32 * 1024;
/** Caches of other builds are kept this long after they were written. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

export interface Bundle {
  /** Its absolute path. */
  file: string;
  /** Ends the name of its cache, and of those of the bundles that it requires: each command compiles another part. */
  variant?: string;
  /** All of it is compiled and kept at once: the layer worker gives up the right to write here. A program keeps what it has used. */
  isWhole?: boolean;
}

/** Those that are loaded, by path. */
const loaded = new Map<string, Module>();
/** What will be kept at the end, by path of the cache. */
const missing = new Map<string, Script>();

/** Runs a bundle as `require` does, once. @returns its exports */
export function loadBundle({ file, variant = '', isWhole = false }: Bundle): unknown {
  const known = loaded.get(file);
  if (known !== undefined) return known.exports;
  // Latin-1, because the bundle is ASCII: a string of one byte a character needs no decoding.
  const code = readFileSync(file, 'latin1');
  const cache = code.length < SMALL_BYTES ? undefined : cacheFile(basename(file, '.js') + variant);
  const cachedData = cache === undefined ? undefined : readOwn(cache);
  const source = `(function(exports,require,module,__filename,__dirname){${code}\n})`;
  const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) });
  const isMissing = cache !== undefined && (cachedData === undefined || script.cachedDataRejected === true);
  // node:module has the same, and is one more to load.
  const program = new (module.constructor as typeof Module)(file, module as unknown as Module);
  program.filename = file;
  program.paths = module.paths;
  // Before any other listener: there is one that leaves at once.
  if (loaded.size === 0) process.once('exit', keepMissing);
  loaded.set(file, program);
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  if (isMissing && isWhole) keep(cache, compileAll(source, file));
  else if (isMissing) missing.set(cache, script);
  const require = (id: string): unknown =>
    id.startsWith('./') ? loadBundle({ file: join(dirname(file), id), variant, isWhole }) : program.require(id);
  run.call(program.exports, program.exports, require, program, file, dirname(file));
  return program.exports;
}

function keepMissing(status: number): void {
  // A command that failed has not compiled what the next one needs.
  if (status === 0) for (const [cache, script] of missing) keep(cache, script);
}

function compileAll(source: string, filename: string): Script {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString('--no-lazy');
  try {
    return new Script(source, { filename });
  } finally {
    setFlagsFromString('--lazy');
  }
}

/**
 * Where the cache of this command is, or undefined when there shall be none: `/var/cache/tspull` for root,
 * `$XDG_CACHE_HOME/tspull` for others; Node's own variables for its compile cache decide over it.
 */
function cacheFile(name: string): string | undefined {
  const { NODE_DISABLE_COMPILE_CACHE: disabled, NODE_COMPILE_CACHE: chosen, XDG_CACHE_HOME: xdg, HOME } = process.env;
  if (disabled) return undefined;
  const home = xdg?.startsWith('/') ? xdg : HOME?.startsWith('/') ? join(HOME, '.cache') : undefined;
  const base = process.geteuid?.() === 0 ? '/var/cache' : home;
  const folder = chosen || (base === undefined ? undefined : join(base, 'tspull'));
  if (folder === undefined) return undefined;
  return join(folder, `${name}-${BUILD}-${process.version}-${process.arch}.v8`);
}

/** The content of a file that only this user, or root, could have written. */
function readOwn(path: string): Buffer | undefined {
  return ifPossible(() => {
    if (!isOurs(statSync(dirname(path)))) return undefined;
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return isOurs(fstatSync(fd)) ? readFileSync(fd) : undefined;
    } finally {
      closeSync(fd);
    }
  });
}

function isOurs({ uid, mode }: { uid: number; mode: number }): boolean {
  return (uid === 0 || uid === process.geteuid?.()) && (mode & GROUP_OR_OTHERS_MAY_WRITE) === 0;
}

/** Written to the disk before it gets its name: V8 trusts the content. */
function keep(path: string, script: Script): void {
  ifPossible(() => {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOurs(statSync(folder))) return;
    // Several threads of a process may be at it.
    const temporary = `${path}.${process.pid}-${process.hrtime.bigint()}`;
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, script.createCachedData());
      fsyncSync(fd);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    removeOld(folder, basename(path).slice(0, basename(path).indexOf(BUILD)));
  });
}

/** @param prefix of names of caches for the same bundle */
function removeOld(folder: string, prefix: string): void {
  const limit = Date.now() - KEPT_MS;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name.startsWith(prefix) && !name.includes(BUILD) && statSync(path).mtimeMs < limit) unlinkSync(path);
  }
}

/** Without a cache everything works: a read-only, full or foreign file system is no reason to fail. */
function ifPossible<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}
