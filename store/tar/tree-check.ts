/**
 * Compares a layer's tree with the headers of its archive, member by member as they come: type, mode, owner, time, attributes, target of
 * a link, number of a device. In the end come hard links, whose inode has the metadata of several headers, and names that no member has.
 *
 * Two shapes are right: dockerd's native one, which tspull writes as well, and the "naive" one of a dockerd that unpacked through a
 * writable mount of the whole stack. There whiteouts exist only for what is below, and an opaque directory has whiteouts instead of the
 * attribute; such a difference is a fault when it changes what a container sees (hidden-below.ts).
 */
import { closeSync } from 'node:fs';
import { openAt } from '../linux/inode.js';
import { cstring } from '../linux/libc.js';
import { type Inode, statAt, statOf } from '../linux/statx.js';
import { listXattrsOnce } from '../linux/xattr.js';
import { whiteoutOf } from './entry-path.js';
import {
  attributePath,
  checkAttributes,
  checkMetadata,
  type Place,
  S_IFDIR,
  S_IFREG,
  type TreeOrigin,
  typeName,
  typeOfEntry,
} from './expected-inode.js';
import { hasOpaqueMark, isWhiteout, type LayersBelow } from './hidden-below.js';
import type { LayerFaults } from './layer-faults.js';
import type { TarEntry } from './reader.js';
import { OPEN_DIRECTORY, type TreeDirectories } from './tree-directories.js';
import { TreeNames } from './tree-names.js';

interface SharedInode {
  place: Place;
  inode: Inode;
  entries: TarEntry[];
}

export interface TreeCheckOptions {
  directories: TreeDirectories;
  origin: TreeOrigin;
  below: LayersBelow;
  faults: LayerFaults;
}

/** A member that is a regular file in the tree, as it should be. */
export interface FoundFile {
  place: Place;
  inode: Inode;
  /** Its attributes are still to be compared, see {@link TreeCheck.attributes}. */
  entry: TarEntry | undefined;
}

export class TreeCheck {
  readonly #directories: TreeDirectories;
  readonly #origin: TreeOrigin;
  readonly #below: LayersBelow;
  readonly #faults: LayerFaults;
  readonly #shared = new Map<number, SharedInode>();
  readonly #names: TreeNames;
  /** Directories that the archive makes opaque. */
  readonly #opaque = new Set<string>();
  /** Bytes as dockerd counts them: over inodes, over the size fields of headers, over contents. */
  readonly sizes = { inodes: 0, headers: 0, contents: 0 };

  constructor({ directories, origin, below, faults }: TreeCheckOptions) {
    this.#directories = directories;
    this.#origin = origin;
    this.#below = below;
    this.#faults = faults;
    this.#names = new TreeNames();
  }

  /** @returns where the member's content lies; undefined for what has none, or is not as it should be */
  member(entry: TarEntry): FoundFile | undefined {
    this.sizes.headers += entry.size;
    this.sizes.contents += entry.payload;
    const path = treePath(entry.name);
    if (path === '') return undefined;
    const slash = path.lastIndexOf('/');
    const [parent, base] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
    const whiteout = base.startsWith('.wh.') ? whiteoutOf(base) : undefined;
    const directory = this.#directories.get(parent);
    if (directory === undefined) {
      this.#names.addDirectory(parent);
      const hidden = whiteout?.kind === 'remove' ? [parent, whiteout.base].filter((part) => part !== '').join('/') : '';
      const isNeeded = whiteout === undefined || this.#origin.isOurs || (hidden !== '' && this.#below.shows(hidden));
      if (isNeeded) this.#faults.add('missing', path);
      return undefined;
    }
    this.#names.addDirectory(directory.path);
    if (whiteout?.kind === 'opaque') this.#opaque.add(directory.path);
    else if (whiteout !== undefined) this.#whiteout(directory, whiteout.base, entry);
    else return this.#inode(placeIn(directory, base), entry);
    return undefined;
  }

  /** After the last member. */
  finish(root: number): void {
    for (const { place, inode, entries } of this.#shared.values()) this.#metadata(place, inode, entries);
    for (const path of this.#names.directories()) this.#directory(path);
    this.#checkTop(root);
  }

  #inode(place: Place, entry: TarEntry): FoundFile | undefined {
    this.#names.add(place.name, entry.type === '5');
    const inode = statAt(place.dir, place.base);
    const type = typeOfEntry(entry);
    if (inode === undefined) {
      // A daemon in a user namespace makes no devices.
      const isLeftOut = (entry.type === '3' || entry.type === '4') && this.#origin.idBase !== 0;
      if (isLeftOut) this.#names.forget(place.name);
      else this.#faults.add('missing', place.name);
      return undefined;
    }
    if (type !== undefined && inode.type !== type) {
      this.#faults.add('type', place.name, typeName(type), typeName(inode.type));
      return undefined;
    }
    if (entry.type === '2') this.sizes.inodes += Buffer.byteLength(entry.linkName, 'latin1');
    if (entry.type === '0') this.sizes.inodes += entry.payload;
    if (entry.type === '1' && !this.#isHardLink(place, inode, entry)) return undefined;
    const isShared = inode.nlink > 1 && inode.type !== S_IFDIR && !isWhiteout(inode);
    // Asking an open file for its attributes is cheaper than looking it up once more.
    const isRead = !isShared && entry.type === '0' && entry.payload > 0;
    const facts = { entries: [entry], origin: this.#origin, faults: this.#faults };
    if (isShared) this.#share(place, inode, entry);
    else if (isRead) checkMetadata(place, inode, facts);
    else this.#metadata(place, inode, [entry]);
    return inode.type === S_IFREG ? { place, inode, entry: isRead ? entry : undefined } : undefined;
  }

  /** Of a file that has been opened. */
  attributes({ place, inode, entry }: FoundFile, fd: number): void {
    if (entry === undefined) return;
    const names = listXattrsOnce(fd);
    if (names.length === 0 && entry.xattrs.length === 0) return;
    checkAttributes(place, names, { entries: [entry], inode, origin: this.#origin, faults: this.#faults });
  }

  #share(place: Place, inode: Inode, entry: TarEntry): void {
    const known = this.#shared.get(inode.ino);
    if (known !== undefined) known.entries.push(entry);
    else this.#shared.set(inode.ino, { place, inode, entries: [entry] });
  }

  /** A target that is not in this layer was below when a naive dockerd unpacked it; then the names say nothing of each other. */
  #isHardLink(place: Place, inode: Inode, { linkName }: TarEntry): boolean {
    const path = treePath(linkName);
    const slash = path.lastIndexOf('/');
    const directory = this.#directories.get(path.slice(0, Math.max(slash, 0)));
    const target = directory && statAt(directory.fd, cstring(Buffer.from(path.slice(slash + 1), 'latin1')));
    if (target === undefined || target.ino === inode.ino) return true;
    const isOfType = target.type === inode.type;
    if (isOfType) this.#faults.add('hard-link', place.name, path);
    else this.#faults.add('type', place.name, typeName(target.type), typeName(inode.type));
    return isOfType;
  }

  /** The directory is looked up again: of a shared inode it may have been closed meanwhile. */
  #metadata(found: Place, inode: Inode, entries: readonly TarEntry[]): void {
    const slash = found.name.lastIndexOf('/');
    const directory = this.#directories.get(found.name.slice(0, Math.max(slash, 0)));
    if (directory === undefined) return;
    const place = { ...found, dir: directory.fd };
    const [origin, faults] = [this.#origin, this.#faults];
    checkMetadata(place, inode, { entries, origin, faults });
    const names = listXattrsOnce(attributePath(place));
    if (names.length === 0 && entries.every(({ xattrs }) => xattrs.length === 0)) return;
    checkAttributes(place, names, { entries, inode, origin, faults });
  }

  #whiteout(directory: { fd: number; path: string }, base: string, entry: TarEntry): void {
    const place = placeIn(directory, base);
    const inode = statAt(place.dir, place.base);
    if (inode !== undefined && isWhiteout(inode)) {
      this.#names.add(place.name, false);
      const { isOurs, idBase } = this.#origin;
      if (isOurs && idBase !== undefined && (inode.uid !== entry.uid || inode.gid !== entry.gid))
        this.#faults.add('owner', place.name, `${entry.uid}:${entry.gid}`, `${inode.uid}:${inode.gid}`);
      return;
    }
    // A later member may take the name; then that one says what is there.
    if (inode !== undefined) return;
    if (this.#origin.isOurs || this.#below.shows(place.name)) this.#faults.add('missing', place.name, 'whiteout');
  }

  #directory(path: string): void {
    const directory = this.#directories.get(path);
    if (directory === undefined) return;
    const fd = openAt(directory.fd, cstring('.'), OPEN_DIRECTORY);
    try {
      if (path !== '' && this.#names.isImplied(path)) this.#implied(fd, path);
      this.#opacity(fd, path);
      for (const name of this.#names.extras(fd, path)) this.#extra(fd, path, name);
    } finally {
      closeSync(fd);
    }
  }

  /** Made as the parent of a member: docker's naive mode has 0600 for these. */
  #implied(fd: number, path: string): void {
    const { isOurs, idBase } = this.#origin;
    if (!isOurs) return;
    const inode = statOf(fd);
    if (inode.mode !== 0o755) this.#faults.add('mode', path, '0755', inode.mode.toString(8).padStart(4, '0'));
    if (idBase !== undefined && (inode.uid !== idBase || inode.gid !== idBase))
      this.#faults.add('owner', path, `${idBase}:${idBase}`, `${inode.uid}:${inode.gid}`);
  }

  #opacity(fd: number, path: string): void {
    const [wanted, has] = [this.#opaque.has(path), hasOpaqueMark(fd)];
    if (wanted === has) return;
    const isWrong = this.#origin.isOurs || (wanted ? this.#below.showsThrough(fd, path) : this.#below.hasIn(path));
    if (isWrong) this.#faults.add('attribute', path, wanted ? 'opaque' : undefined, has ? 'opaque' : undefined);
  }

  #extra(fd: number, path: string, name: string): void {
    const inode = statAt(fd, cstring(Buffer.from(name, 'latin1')));
    const full = path === '' ? name : `${path}/${name}`;
    if (inode === undefined) return;
    if (!this.#origin.isOurs && isWhiteout(inode) && this.#isInOpaque(path)) return;
    // Of what a build leaves, archives have no sockets, and those of the naive mode no directory that is as it is below.
    if (this.#origin.isSource && (inode.type === S_IFDIR || typeName(inode.type) === 'socket')) return;
    this.#faults.add('extra', full, undefined, isWhiteout(inode) ? 'whiteout' : typeName(inode.type));
  }

  #isInOpaque(path: string): boolean {
    for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf('/'), 0))) {
      if (this.#opaque.has(at)) return true;
      if (at === '') return false;
    }
  }

  /** Members say nothing of the root; only docker's naive mode gives it what they say. */
  #checkTop(root: number): void {
    const { isOurs, idBase } = this.#origin;
    const inode = statOf(root);
    if (isOurs && inode.mode !== 0o755)
      this.#faults.add('mode', undefined, '0755', inode.mode.toString(8).padStart(4, '0'));
    if (isOurs && idBase !== undefined && (inode.uid !== idBase || inode.gid !== idBase))
      this.#faults.add('owner', undefined, `${idBase}:${idBase}`, `${inode.uid}:${inode.gid}`);
  }
}

function placeIn(directory: { fd: number; path: string }, base: string): Place {
  const name = directory.path === '' ? base : `${directory.path}/${base}`;
  return { dir: directory.fd, base: cstring(Buffer.from(base, 'latin1')), name };
}

/** Cleaned as if the layer's root were `/`: what climbs above it stays there, as in dockerd 20.10. */
export function treePath(name: string): string {
  if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(name)) return name;
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
