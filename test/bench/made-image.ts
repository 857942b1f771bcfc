/** Images that are made of nothing but what costs most: very many small files, or very many layers. */
import { toolsLayer } from '../../fixtures/demo-image/demo-image.js';
import { hostTools } from '../../fixtures/demo-image/host-tools.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { dir, file, tar } from '../support/tar-builder.js';
import type { BenchImage } from './usr-image.js';

/** @param layers besides the one with a small system */
export async function madeImage(layers: number, filesInEach: number): Promise<BenchImage> {
  const archives = Array.from({ length: layers }, (_, layer) => smallFiles(layer, filesInEach));
  const image = buildImage({
    layers: [await toolsLayer(hostTools()), ...archives],
    format: 'docker',
    config: { Cmd: ['sh'], Env: ['PATH=/bin:/usr/bin'] },
  });
  return { image, files: layers * filesInEach, bytes: archives.reduce((sum, { length }) => sum + length, 0) };
}

/** A hundred files a directory, each of up to 2 kB of text. */
function smallFiles(layer: number, count: number): Buffer {
  const top = `made/${layer}`;
  const members = [dir('made'), dir(top)];
  for (let at = 0; at < count; at++) {
    const folder = `${top}/${Math.floor(at / 100)}`;
    if (at % 100 === 0) members.push(dir(folder));
    members.push(file(`${folder}/${at}.txt`, `file ${at} of layer ${layer}\n`.repeat(1 + ((at * 7919) % 80))));
  }
  return tar(...members);
}
