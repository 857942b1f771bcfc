/** Removes what killed writers left among the documents of images: temporary files, and manifests and times of images that are not recorded. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { manifestsDir, privateDir } from '../data-root.js';
import { isErrno, KnownError } from '../errors.js';
import { sweepUses } from './last-use.js';
import { readRepositories } from './repositories-file.js';

/** Call inside the store's exclusive section: all these documents are written inside it. */
export function sweepImages(root: string): void {
  const home = join(root, 'image', 'overlay2');
  const content = join(home, 'imagedb', 'content', 'sha256');
  removeTemporaries(home);
  removeTemporaries(content);
  const isThere = (image: string) => existsSync(join(content, image));
  for (const image of entries(join(privateDir(root), 'manifests'))) {
    const dir = manifestsDir(root, image);
    if (isThere(image)) removeTemporaries(dir);
    else if (!isNamed(root, image)) rmSync(dir, { recursive: true, force: true });
  }
  sweepUses(root, isThere);
}

/** The config of an image that has a name was lost: its manifest tells where it can be had. */
function isNamed(root: string, image: string): boolean {
  try {
    return [...readRepositories(root).values()].some((keys) => [...keys.values()].some((id) => id.endsWith(image)));
  } catch (error) {
    if (error instanceof KnownError) return true;
    throw error;
  }
}

function removeTemporaries(dir: string): void {
  for (const name of entries(dir))
    if (name.startsWith('.tmp-')) rmSync(join(dir, name), { recursive: true, force: true });
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
