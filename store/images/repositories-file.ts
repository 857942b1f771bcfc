/** Reading and replacing `repositories.json`, and what to do when it is damaged. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno, KnownError } from '../errors.js';
import { syncDirectory, writeFileDurably } from '../fs/atomic-file.js';
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
    return parseRepositories(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
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
  writeFileDurably(path, serializeRepositories(repositories), 0o600);
  keepCopy(path, lastGoodPath(root));
}

/** Without a sync of its own: the file itself is durable, the copy only has to survive what happens to that file. */
function keepCopy(path: string, copy: string): void {
  const temporary = `${copy}.tmp`;
  rmSync(temporary, { force: true });
  try {
    copyFileSync(path, temporary);
    renameSync(temporary, copy);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes a damaged file usable again: the last good copy takes its place, or an empty table when there is none. The
 * damaged file stays beside it as `repositories.json.damaged`. The caller holds the exclusive lock.
 *
 * @returns what the names were taken from; `intact` when there was nothing to do.
 */
export function recoverRepositories(root: string): 'intact' | 'last-good' | 'empty' {
  const path = repositoriesPath(root);
  if (isReadable(path)) return 'intact';
  const copy = lastGoodPath(root);
  const source = isReadable(copy) ? 'last-good' : 'empty';
  const repositories: Repositories = source === 'last-good' ? (readFrom(copy) ?? new Map()) : new Map();
  try {
    renameSync(path, `${path}.damaged`);
    syncDirectory(dirname(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  writeRepositories(root, repositories);
  return source;
}
