/**
 * Makes an image and uploads it: `push-image.js SIZE HOST NAME TAG`. A program of its own, because gigabytes in the process
 * that measures would be paid by every command it starts: fork(2) copies the tables of all its pages (70 ms for 2 GB).
 */
import { dockerRegistryAt } from '../support/real-registry.js';
import { madeImage } from './made-image.js';
import { type BenchImage, usrImage, usrSizes } from './usr-image.js';

/** What the measuring process needs to know of the image. */
export interface PushedImage {
  layers: number;
  files: number;
  /** Bytes of file content. */
  bytes: number;
  /** Bytes of the layers' blobs. */
  compressed: number;
}

/** Room that a size needs on the disk for one tool, in bytes. */
export const imageSizes: Record<string, { bytes: number; make(): Promise<BenchImage> }> = {
  ...Object.fromEntries(
    Object.entries(usrSizes).map(([name, size]) => [name, { bytes: size.bytes, make: () => usrImage(size) }]),
  ),
  files: { bytes: 500e6, make: () => madeImage(5, 20_000) },
  layers: { bytes: 100e6, make: () => madeImage(99, 1) },
};

if (process.argv[1] === import.meta.filename) {
  const [size = '', host = '', name = '', tag = ''] = process.argv.slice(2);
  const made = await imageSizes[size]?.make();
  if (made === undefined) throw new Error(`no image of size ${size}`);
  const { image, files, bytes } = made;
  await dockerRegistryAt(host).push(name, tag, image);
  const compressed = image.layers.reduce((sum, layer) => sum + layer.length, 0);
  process.stdout.write(JSON.stringify({ layers: image.layers.length, files, bytes, compressed } satisfies PushedImage));
}
