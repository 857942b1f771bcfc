import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version of the package that this file was shipped or built in. */
export function packageVersion(): string {
  // Bundled the file lies in dist/programs/, compiled in build/src/cli/.
  for (const path of ['../../package.json', '../../../package.json']) {
    const text = readIfThere(join(import.meta.dirname, path));
    const { name, version } = (text === undefined ? {} : JSON.parse(text)) as { name?: string; version?: string };
    if (name === 'tspull' && version !== undefined) return version;
  }
  throw new Error('the package.json of tspull is missing');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
