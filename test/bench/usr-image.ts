/** An image of this machine's own programs: a small system, and layers of about equal size filled from /usr. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { toolsLayer } from '../../fixtures/demo-image/demo-image.js';
import { hostTools } from '../../fixtures/demo-image/host-tools.js';
import { buildImage, type Image } from '../../fixtures/registry/image.js';

export interface ImageSize {
  /** Bytes of file content. */
  bytes: number;
  /** Besides the one with the small system. */
  layers: number;
}

export const usrSizes: Record<string, ImageSize> = {
  small: { bytes: 20e6, layers: 3 },
  base: { bytes: 170e6, layers: 4 },
  big: { bytes: 1500e6, layers: 9 },
};

export interface BenchImage {
  image: Image;
  files: number;
  /** Bytes of file content that were found; fewer than wanted on a small machine. */
  bytes: number;
}

export async function usrImage(size: ImageSize): Promise<BenchImage> {
  const files = filesBelow('/usr', size.bytes);
  const shares = spread(files, size.layers);
  const layers = [await toolsLayer(hostTools()), ...shares.map(archive)];
  const image = buildImage({ layers, format: 'docker', config: { Cmd: ['sh'], Env: ['PATH=/bin:/usr/bin'] } });
  return { image, files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) };
}

interface File {
  path: string;
  size: number;
}

/**
 * Regular files and symbolic links from everywhere below the folder, until there are enough bytes: chosen by a hash of the
 * path, so that their sizes are mixed as they are on the machine, and in the order of their paths.
 */
function filesBelow(folder: string, wanted: number): File[] {
  const all = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name));
  const keyed = all.map((path) => ({ path, key: createHash('sha1').update(path).digest('hex') }));
  const files: File[] = [];
  let bytes = 0;
  for (const { path } of keyed.sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const { size } = lstatSync(path);
    if (bytes >= wanted) break;
    if (size > wanted / 10) continue;
    files.push({ path, size });
    bytes += size;
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Each file goes to the share that has the fewest bytes. */
function spread(files: readonly File[], count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ paths: [] as string[], bytes: 0 }));
  for (const { path, size } of files) {
    const least = shares.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    least.paths.push(path);
    least.bytes += size;
  }
  return shares.map(({ paths }) => paths);
}

function archive(paths: readonly string[]): Buffer {
  const options = ['--create', '--no-recursion', '--hard-dereference', '--null', '--files-from=-'];
  return execFileSync('tar', options, {
    cwd: '/',
    input: paths.map((path) => `${path.slice(1)}\0`).join(''),
    maxBuffer: 2 ** 31 - 1,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
