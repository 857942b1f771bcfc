/** Which files of `registries.conf` there are, and which of them count. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { configError } from './config-file.js';
import type { RegistriesConfPlaces } from './config-places.js';

/**
 * The files in the order in which they are read. A user's own file takes the place of the system's with its drop-ins;
 * one that the environment names takes the place of both files, not of the drop-ins.
 */
export function registriesConfFiles(places: RegistriesConfPlaces): string[] {
  const { named, user, system, userDropIns, systemDropIns } = places;
  if (named === undefined && existsSync(user)) return [user, ...dropIns(userDropIns)];
  return [named ?? system, ...dropIns(systemDropIns), ...dropIns(userDropIns)];
}

function dropIns(folder: string): string[] {
  try {
    const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
    return names
      .map(({ name }) => name)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return [];
    throw configError({ file: folder, line: undefined }, 'the folder cannot be read', cause);
  }
}
