/**
 * Docker's `config.json`, as far as logins are concerned. Whatever else is in the file stays, in its order; it is replaced as a whole, and
 * whoever else changes it by this program waits.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoCode, isErrno, KnownError } from '../../store/errors.js';
import { writeFileDurably } from '../../store/fs/atomic-file.js';
import { tryLock } from '../../store/linux/flock.js';
import { isRecord } from '../registry/credential-sources.js';

export type ConfigDocument = Readonly<Record<string, unknown>>;

const MODE = 0o600;
const POLL_MS = 20;

export function configPath(env: NodeJS.ProcessEnv): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] ?? '/root', '.docker'), 'config.json');
}

/** A missing or empty file says nothing. @throws KnownError `E_CREDENTIALS` */
export function readConfigDocument(path: string): ConfigDocument {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return {};
    throw unusable(path, `it cannot be read (${errnoCode(cause) ?? 'unknown'})`, cause);
  }
  if (text.trim() === '') return {};
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message would quote the file.
    throw unusable(path, 'it is not JSON');
  }
  if (isRecord(document)) return document;
  throw unusable(path, 'it is no JSON object');
}

/**
 * Reads, changes and writes. Nothing is written when `change` gives back what it got.
 *
 * @returns whether the file has changed
 * @throws KnownError `E_CREDENTIALS`; the old file is then untouched
 */
export async function changeConfig(
  path: string,
  change: (before: ConfigDocument) => ConfigDocument,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = realPath(path);
    const folder = await lockFolder(dirname(target), signal);
    try {
      const before = readConfigDocument(target);
      const after = change(before);
      if (after === before) return false;
      const owner = ownerOf(target);
      writeFileDurably(target, JSON.stringify(after, null, '\t'), MODE);
      if (owner !== undefined) giveTo(target, owner);
      return true;
    } finally {
      closeSync(folder);
    }
  } catch (cause) {
    const code = errnoCode(cause);
    throw code === undefined ? cause : unusable(path, `it cannot be written (${code})`, cause);
  }
}

/** `config.json` may be a link into a repository of settings: the link stays. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return path;
    throw error;
  }
}

/** The folder itself is locked: no file of ours is left in it. */
async function lockFolder(path: string, signal: AbortSignal | undefined): Promise<number> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    while (!tryLock(fd, 'exclusive')) await sleep(POLL_MS, undefined, signal && { signal });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function ownerOf(path: string): { uid: number; gid: number } | undefined {
  try {
    const { uid, gid } = statSync(path);
    return process.geteuid?.() === 0 ? { uid, gid } : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** What root has written in somebody's home stays theirs. */
function giveTo(path: string, { uid, gid }: { uid: number; gid: number }): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fchownSync(fd, uid, gid);
    fchmodSync(fd, MODE);
  } finally {
    closeSync(fd);
  }
}

function unusable(path: string, problem: string, cause?: unknown): KnownError {
  return new KnownError('E_CREDENTIALS', `credentials in "${path}": ${problem}`, cause === undefined ? {} : { cause });
}
