/** The members of a tar archive as {@link ImageFiles}. */
import { closeSync } from 'node:fs';
import { KnownError } from '../errors.js';
import { type FileRange, wholeFile } from '../fs/file-range.js';
import { printable } from '../printable.js';
import { type ArchiveEntry, listEntries } from '../tar/entries.js';
import type { ImageFiles } from './image-files.js';

/** `docker save` of old made one link for a layer that is there already. */
const MAX_LINKS = 8;

/**
 * Reads what the archive holds. The descriptor belongs to the result, also when this fails.
 *
 * @param name for messages
 * @throws KnownError E_ARCHIVE; the reason of `signal` when it fires
 */
export async function openArchiveFiles(fd: number, name: string, signal?: AbortSignal): Promise<ImageFiles> {
  try {
    const archive = wholeFile(fd, name);
    return archiveFiles(archive, membersOf(await listEntries(archive, signal)));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

type Members = ReadonlyMap<string, ArchiveEntry | 'several'>;

function membersOf(entries: readonly ArchiveEntry[]): Members {
  const members = new Map<string, ArchiveEntry | 'several'>();
  for (const entry of entries) {
    if (entry.kind === 'directory') continue;
    const path = cleanPath('', entry.name);
    members.set(path, members.has(path) ? 'several' : entry);
  }
  return members;
}

function archiveFiles(archive: FileRange, members: Members): ImageFiles {
  let open = true;
  const close = () => {
    if (open) closeSync(archive.fd);
    open = false;
  };
  return {
    name: archive.file,
    find(path) {
      const entry = resolve(members, path);
      return entry === undefined ? undefined : { ...archive, offset: entry.offset, size: entry.size };
    },
    close,
    [Symbol.dispose]: close,
  };
}

function resolve(members: Members, wanted: string): ArchiveEntry | undefined {
  let path = cleanPath('', wanted);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const entry = members.get(path);
    if (entry === undefined || (entry !== 'several' && entry.kind === 'file')) return entry;
    // Which one counts depends on who reads.
    if (entry === 'several') throw refused(path, 'is in the archive more than once');
    if (entry.kind === 'symlink') path = cleanPath(folderOf(path), entry.target);
    else if (entry.kind === 'link') path = cleanPath('', entry.target);
    else throw refused(path, 'is no regular file');
  }
  throw refused(wanted, `is behind more than ${MAX_LINKS} links`);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** A path from the top of the archive; absolute ones start there, too. */
function cleanPath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith('/') ? '' : folder}${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw refused(path, 'leads out of the archive');
  }
  return parts.join('/');
}

function refused(path: string, why: string): KnownError {
  return new KnownError('E_ARCHIVE', `"${printable(path, 200)}" ${why}`);
}
