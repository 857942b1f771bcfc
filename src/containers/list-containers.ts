import { readdirSync } from 'node:fs';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { containersDir } from './container-files.js';
import { ownerOfName } from './container-name.js';
import { type ContainerRecord, readRecord } from './container-record.js';

/** All containers of a data root, newest first. */
export function listContainers(root: string): ContainerRecord[] {
  return idsIn(containersDir(root))
    .flatMap((id) => readRecord(root, id) ?? [])
    .sort((a, b) => (a.created < b.created ? 1 : -1));
}

/** By name, id, or the beginning of an id that only one container has. */
export function findContainer(root: string, text: string): ContainerRecord {
  const name = text.startsWith('/') ? text.slice(1) : text;
  const owner = ownerOfName(root, name);
  const named = owner === undefined ? undefined : readRecord(root, owner);
  if (named?.name === name) return named;
  const all = listContainers(root);
  const exact = all.find((record) => record.name === name || record.id === text);
  if (exact !== undefined) return exact;
  const found = /^[0-9a-f]+$/.test(text) ? all.filter(({ id }) => id.startsWith(text)) : [];
  if (found.length > 1) throw new KnownError('E_CONFLICT', `Multiple IDs found with provided prefix: ${text}`);
  if (found[0] !== undefined) return found[0];
  throw new KnownError('E_NO_CONTAINER', `No such container: ${printable(text, 200)}`);
}

function idsIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
