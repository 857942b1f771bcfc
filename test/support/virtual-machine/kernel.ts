/** The kernel that `scripts/fetch-test-kernel.sh` took out of Debian's package. */
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { isErrno } from '../../../store/errors.js';

export interface Kernel {
  /** An ELF file. */
  image: string;
  /** Files of modules by name, as `virtio_pci`. */
  modules: ReadonlyMap<string, string>;
}

export function findKernel(): Kernel | undefined {
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tspull-test-kernel');
  try {
    const files = readdirSync(join(folder, 'lib/modules'), { recursive: true, encoding: 'utf8' });
    const modules = files
      .filter((name) => name.endsWith('.ko'))
      .map((name): [string, string] => [moduleName(basename(name, '.ko')), join(folder, 'lib/modules', name)]);
    return { image: join(folder, 'boot/vmlinux'), modules: new Map(modules) };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Files of the wanted modules and of what they depend on, in an order in which insmod(8) can load them. */
export function modulesFor(kernel: Kernel, wanted: readonly string[]): string[] {
  const files = new Set<string>();
  const add = (name: string): void => {
    const file = kernel.modules.get(moduleName(name));
    if (file === undefined)
      throw new Error(`the kernel of the tests has no module ${name}: run scripts/fetch-test-kernel.sh`);
    for (const other of dependencies(file)) add(other);
    files.add(file);
  };
  for (const name of wanted) add(name);
  return [...files];
}

/** What modpost wrote into the section .modinfo of a module: strings like `depends=virtio,virtio_ring`. */
function dependencies(file: string): string[] {
  const [, list = ''] = /\0depends=([\w,-]*)\0/.exec(readFileSync(file, 'latin1')) ?? [];
  return list.split(',').filter(Boolean);
}

/** The kernel takes both signs for the same. */
function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}
