/** Reading and replacing `repositories.json`, and what to do when it is damaged. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { syncDirectory, writeFileDurably } from '../fs/atomic-file.js';
import { writeNewFile } from '../fs/exact-mode.js';
import { readRegularFile } from '../fs/read-regular.js';
import { digestOf } from '../oci/digest.js';
import { parseRepositories, type Repositories, serializeRepositories } from './repositories.js';

export function repositoriesPath(root: string): string {
  return join(root, 'image', 'overlay2', 'repositories.json');
}

/** A second copy of what was last written; dockerd passes over it. */
export function lastGoodPath(root: string): string {
  return `${repositoriesPath(root)}.last-good`;
}

/**
 * A missing file means that no image has a name.
 *
 * @throws KnownError `E_STORE` when the file is empty or not what it should be; dockerd would not start on it either.
 */
export function readRepositories(root: string): Repositories {
  const path = repositoriesPath(root);
  try {
    return readFrom(path) ?? new Map();
  } catch (cause) {
    if (!isMalformed(cause)) throw cause;
    const copy = lastGoodPath(root);
    const hint = isReadable(copy)
      ? `the names as tspull last wrote them are in "${copy}": copy that file over the damaged one`
      : 'move the file away: the images stay, without names, and can be tagged again';
    throw new KnownError('E_STORE', `"${path}" is damaged: ${(cause as Error).message}`, { hint, cause });
  }
}

function readFrom(path: string): Repositories | undefined {
  try {
    const bytes = readRegularFile(path);
    if (bytes === undefined) throw new TypeError('it is no regular file');
    return parseRepositories(bytes.toString('utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ELOOP', 'ENXIO')) throw new TypeError('it is no regular file', { cause: error });
    throw error;
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError;
}

function isReadable(path: string): boolean {
  try {
    return readFrom(path) !== undefined;
  } catch (error) {
    if (isMalformed(error)) return false;
    throw error;
  }
}

/**
 * Reads the file afresh, applies `change` and replaces the file if that changed anything. The caller holds the data
 * root's exclusive lock, so that two processes which move two tags both succeed.
 */
export function updateRepositories(root: string, change: (current: Repositories) => Repositories): Repositories {
  const current = readRepositories(root);
  const next = change(current);
  if (next !== current) writeRepositories(root, next);
  return next;
}

function writeRepositories(root: string, repositories: Repositories): void {
  const path = repositoriesPath(root);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const text = serializeRepositories(repositories);
  writeFileDurably(path, text, 0o600);
  keepCopy(root, text);
}

/** Without a sync of its own: the file itself is durable, the copy only has to survive what happens to that file. */
export function keepCopy(root: string, text: string): void {
  const copy = lastGoodPath(root);
  const temporary = `${copy}.tmp`;
  rmSync(temporary, { force: true });
  try {
    writeNewFile(temporary, copyOf(text), 0o600);
    renameSync(temporary, copy);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The names with the digest of the file that they are a copy of, which every reader passes over: it tells which of the two is wrong. */
export function copyOf(text: string): string {
  return `${text.slice(0, -1)},"sha256":"${digestOf(text)}"}`;
}

/** The digest in a copy, and whether the copy has just what that file had; undefined for no copy, or one of an earlier version. */
export function digestInCopy(copy: string): { digest: string; isIntact: boolean } | undefined {
  const match = /^(\{"Repositories":.*),"sha256":"(sha256:[0-9a-f]{64})"\}$/s.exec(copy);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { digest: match[2], isIntact: digestOf(`${match[1]}}`) === match[2] };
}

/**
 * Makes a damaged file usable again: the last good copy takes its place; or what makes sense of the file itself, or an empty table when
 * there is none. The damaged file stays beside it as `repositories.json.damaged`. The caller holds the exclusive lock.
 *
 * @param isWrong the file is known to be damaged although it can be read
 * @returns what the names were taken from; `intact` when there was nothing to do.
 */
export function recoverRepositories(root: string, isWrong = false): 'intact' | 'last-good' | 'sensible' | 'empty' {
  const path = repositoriesPath(root);
  if (!isWrong && isReadable(path)) return 'intact';
  const copy = lastGoodPath(root);
  const source = isReadable(copy) ? 'last-good' : isReadable(path) ? 'sensible' : 'empty';
  const kept = source === 'last-good' ? readFrom(copy) : source === 'sensible' ? sensible(readFrom(path)) : undefined;
  try {
    renameSync(path, `${path}.damaged`);
    syncDirectory(dirname(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  writeRepositories(root, kept ?? new Map());
  return source;
}

/** Without keys that belong to another name, and without what can be no image. */
function sensible(names: Repositories | undefined): Repositories {
  const isKept = (name: string, [key, id]: [string, string]) =>
    (key.startsWith(`${name}:`) || key.startsWith(`${name}@sha256:`)) && /^sha256:[0-9a-f]{64}$/.test(id);
  const entries = [...(names ?? [])].map(
    ([name, keys]) => [name, new Map([...keys].filter((entry) => isKept(name, entry)))] as const,
  );
  return new Map(entries.filter(([, keys]) => keys.size > 0));
}
