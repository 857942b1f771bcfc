/** Temporary files anywhere in a data root: what a clean store does not have. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export function temporaryFiles(root: string): string[] {
  return ['image', 'tspull']
    .map((part) => join(root, part))
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)))
    .filter((path) => /\.tmp-|-removing|write-set-/.test(path));
}
