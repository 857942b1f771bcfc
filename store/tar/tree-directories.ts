/** Directories of an existing tree by path, each opened once while the record stays in it. Nothing outside the tree is ever reached. */
import { closeSync, constants, readlinkSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { openDirectoryInRoot } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';

/** A record is mostly depth first, so few are enough. */
const MAX_OPEN = 64;

export const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface TreeDirectory {
  /** To look up from (O_PATH). */
  readonly fd: number;
  /** Without links and dots, '' for the tree itself, as latin1 bytes. */
  readonly path: string;
}

export class TreeDirectories {
  readonly #root: number;
  readonly #rootPath: string;
  readonly #open = new Map<string, TreeDirectory | undefined>();

  /** @param root an open directory; it stays the caller's */
  constructor(root: number) {
    this.#root = root;
    this.#rootPath = pathOf(root);
  }

  /** The directory that `path` leads to inside the tree; undefined when there is none. */
  get(path: string): TreeDirectory | undefined {
    if (path === '') return { fd: this.#root, path: '' };
    if (this.#open.has(path)) return this.#open.get(path);
    const found = this.#find(path);
    if (this.#open.size >= MAX_OPEN) this.#closeOldest();
    this.#open.set(path, found);
    return found;
  }

  close(): void {
    for (const directory of this.#open.values()) if (directory !== undefined) closeSync(directory.fd);
    this.#open.clear();
  }

  #find(path: string): TreeDirectory | undefined {
    try {
      const fd = openDirectoryInRoot(this.#root, cstring(Buffer.from(path, 'latin1')));
      return { fd, path: this.#plainPath(fd) ?? path };
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EXDEV')) return undefined;
      throw error;
    }
  }

  /** Undefined where it is too long for /proc to tell. */
  #plainPath(fd: number): string | undefined {
    try {
      return pathOf(fd).slice(this.#rootPath.length + 1);
    } catch (error) {
      if (isErrno(error, 'ENAMETOOLONG')) return undefined;
      throw error;
    }
  }

  #closeOldest(): void {
    for (const [path, directory] of this.#open) {
      if (directory !== undefined) closeSync(directory.fd);
      this.#open.delete(path);
      return;
    }
  }
}

function pathOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
}
