import { readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { namesDir } from './container-files.js';
import { adjectives, nouns } from './name-words.js';

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Docker's rule for names. */
export function checkName(name: string): string {
  if (pattern.test(name)) return name;
  const text = `Invalid container name (${printable(name)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`;
  throw new KnownError('E_USAGE', text, { exitCode: 125 });
}

/** Makes `name` belong to the container, or fails when it belongs to another one. */
export function claimName(root: string, name: string, id: string): void {
  const path = join(namesDir(root), name);
  try {
    symlinkSync(id, path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    throw new KnownError(
      'E_CONFLICT',
      `Conflict. The container name "/${name}" is already in use by container "${readlinkSync(path)}"`,
      { hint: 'You have to remove (or rename) that container to be able to reuse that name.', exitCode: 125 },
    );
  }
}

/** The id of the container that has the name, or is about to get it. */
export function ownerOfName(root: string, name: string): string | undefined {
  if (!pattern.test(name)) return undefined;
  try {
    const id = readlinkSync(join(namesDir(root), name));
    return /^[0-9a-f]{64}$/.test(id) ? id : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** A free name of two words, then with a number; it belongs to the container afterwards. */
export function claimRandomName(root: string, id: string): string {
  const pick = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)] ?? '';
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(adjectives)}_${pick(nouns)}${attempt === 0 ? '' : attempt}`;
    try {
      claimName(root, name, id);
      return name;
    } catch (error) {
      if (!(error instanceof KnownError) || attempt > 1000) throw error;
    }
  }
}

/** Gives the name back if it is the container's. */
export function releaseName(root: string, name: string, id: string): void {
  const path = join(namesDir(root), name);
  try {
    if (readlinkSync(path) === id) unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Gives back whatever names the container has, when its record is not there to tell. */
export function releaseNamesOf(root: string, id: string): void {
  for (const name of readdirSync(namesDir(root))) releaseName(root, name, id);
}
