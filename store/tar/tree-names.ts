/** The names that a layer's tree should have: counted for each directory, so that a directory of the right number of names costs no more. */
import { readdirSync } from 'node:fs';

export class TreeNames {
  /** Directory → names in it. */
  readonly #children = new Map<string, Set<string>>([['', new Set()]]);
  readonly #explicit = new Set<string>();

  /** A name, and the directories above it. */
  add(path: string, isDirectory: boolean): void {
    const slash = path.lastIndexOf('/');
    const parent = path.slice(0, Math.max(slash, 0));
    this.addDirectory(parent).add(path.slice(slash + 1));
    if (!isDirectory) return;
    this.#explicit.add(path);
    this.addDirectory(path);
  }

  addDirectory(path: string): Set<string> {
    let at = path;
    let known = this.#children.get(at);
    if (known !== undefined) return known;
    const own = new Set<string>();
    this.#children.set(path, own);
    while (at !== '') {
      const slash = at.lastIndexOf('/');
      const parent = at.slice(0, Math.max(slash, 0));
      const name = at.slice(slash + 1);
      known = this.#children.get(parent);
      if (known !== undefined) {
        known.add(name);
        break;
      }
      this.#children.set(parent, new Set([name]));
      at = parent;
    }
    return own;
  }

  forget(path: string): void {
    const slash = path.lastIndexOf('/');
    this.#children.get(path.slice(0, Math.max(slash, 0)))?.delete(path.slice(slash + 1));
  }

  directories(): IterableIterator<string> {
    return this.#children.keys();
  }

  /** Whether the directory has no member of its own. */
  isImplied(path: string): boolean {
    return !this.#explicit.has(path);
  }

  /** Names that are there and should not be. Those that are missing have been noticed already. */
  extras(fd: number, path: string): string[] {
    const names = readdirSync(`/proc/self/fd/${fd}`, 'latin1');
    const wanted = this.#children.get(path);
    return names.filter((name) => !wanted?.has(name));
  }
}
