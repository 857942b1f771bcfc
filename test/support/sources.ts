import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository, from where the compiled tests lie. */
export const repository = fileURLToPath(new URL('../../../', import.meta.url));

export interface Source {
  /** From the top of the repository, as `store/oci/digest.ts`. */
  path: string;
  text: string;
}

export function sourcesBelow(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name))
      .sort()
      .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') })),
  );
}

export interface Import {
  from: string;
  /** A path from the top of the repository, or the name of a package. */
  to: string;
  specifier: string;
}

/** All imports and re-exports, dynamic ones and those of types included; Node's own modules are left out. */
export function importsOf({ path, text }: Source): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/(?:\bfrom\s|\bimport\s|\bimport\(|\bimport\.meta\.resolve\()\s*'([^']+)'/g)]
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => ({ from: path, to: targetOf(path, specifier), specifier }));
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts');
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}
