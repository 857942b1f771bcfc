/**
 * Directories of a layer by path, each pinned by a descriptor. A path is walked one component at a time from its parent's
 * descriptor without following links, so nothing outside the layer can ever be reached; a component that is a symbolic link
 * is looked up by the kernel as if the layer were the root directory.
 */
import { closeSync, constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { isErrno, SyscallError } from '../errors.js';
import { O_PATH } from '../linux/flags.js';
import { chmodAt, mkdirAt, openDirectoryInRoot, tryOpenAt } from '../linux/inode.js';
import { cstring, errnoName } from '../linux/libc.js';
import { archiveError } from './header.js';

/** Open directories kept; a layer is written mostly depth first, so few are enough. */
const MAX_OPEN = 128;

const { errno } = osConstants;

const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface PinnedDirectory {
  fd: number;
  /** The path leads through a symbolic link, so another path names the same directory. */
  alias: boolean;
}

export class DirectoryCache {
  readonly #root: number;
  readonly #exactModes: boolean;
  readonly #open = new Map<string, PinnedDirectory>();

  /** `root` stays the caller's. */
  constructor(root: number, exactModes: boolean) {
    this.#root = root;
    this.#exactModes = exactModes;
  }

  /** The directory at `path` ('' is the root), created with its parents (0755, root, now) where missing. */
  get(path: string): PinnedDirectory {
    if (path === '') return { fd: this.#root, alias: false };
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    // Walk up to the nearest open ancestor, then down again, without recursion: paths may be thousands deep.
    const missing: string[] = [path];
    let ancestor: PinnedDirectory | undefined;
    while (ancestor === undefined) {
      const child = missing[missing.length - 1] as string;
      const slash = child.lastIndexOf('/');
      const parent = slash < 0 ? '' : child.slice(0, slash);
      ancestor = parent === '' ? { fd: this.#root, alias: false } : this.#open.get(parent);
      if (ancestor === undefined) missing.push(parent);
      else this.#refresh(parent, ancestor);
    }
    for (let child = missing.pop(); child !== undefined; child = missing.pop()) ancestor = this.#enter(ancestor, child);
    return ancestor;
  }

  closeAll(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #enter(parent: PinnedDirectory, path: string): PinnedDirectory {
    const base = cstring(Buffer.from(path.slice(path.lastIndexOf('/') + 1), 'latin1'));
    const directory = this.#openOrMake(parent, base, path);
    if (this.#open.size >= MAX_OPEN) this.#closeOldest(parent.fd);
    this.#open.set(path, directory);
    return directory;
  }

  /** What is still entered from is closed last. */
  #refresh(path: string, directory: PinnedDirectory): void {
    if (this.#open.delete(path)) this.#open.set(path, directory);
  }

  #openOrMake(parent: PinnedDirectory, base: Buffer, path: string): PinnedDirectory {
    for (;;) {
      const fd = tryOpenAt(parent.fd, base, OPEN_DIRECTORY);
      if (fd >= 0) return { fd, alias: parent.alias };
      if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) return { fd: this.#follow(path), alias: true };
      if (fd !== -errno.ENOENT) throw new SyscallError('openat', JSON.stringify(path), -fd, errnoName(-fd));
      mkdirAt(parent.fd, base, 0o755);
      if (!this.#exactModes) chmodAt(parent.fd, base, 0o755);
    }
  }

  #follow(path: string): number {
    try {
      return openDirectoryInRoot(this.#root, cstring(Buffer.from(path, 'latin1')));
    } catch (error) {
      if (isErrno(error, 'ENOTDIR')) throw archiveError('its parent is not a directory');
      if (isErrno(error, 'ENOENT'))
        throw archiveError('its parent is a symbolic link that leads to nothing in this layer');
      if (isErrno(error, 'ELOOP')) throw archiveError('its parent is a loop of symbolic links');
      throw error;
    }
  }

  #closeOldest(except: number): void {
    for (const [path, { fd }] of this.#open) {
      if (fd === except) continue;
      closeSync(fd);
      this.#open.delete(path);
      return;
    }
  }
}
