/** A large layer from a registry that limits each connection to 20 MB/s: over one connection, and over several. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { on, throttle } from '../../fixtures/registry/faults.js';
import { buildImage } from '../../fixtures/registry/image.js';
import { startRegistry } from '../../fixtures/registry/registry.js';
import { bundledProgram } from '../support/cli.js';
import { file, tar } from '../support/tar-builder.js';
import type { Cleanup } from './cleanup.js';
import { journaledFolder } from './journaled-folder.js';
import { type Measurement, measure } from './measure.js';

const layerBytes = 300e6;
const bytesPerSecond = 20e6;

export async function throttled(
  cleanup: Cleanup,
  { folder: place, rounds }: { folder: string; rounds: number },
  say: (text: string) => void,
): Promise<void> {
  const folder = journaledFolder(cleanup, place, layerBytes * 4 + 1e9);
  const contents = emptyContents();
  const layer = tar(file('noise', '', { content: randomBytes(layerBytes) }));
  addImage(contents, 'bench/image', '1', buildImage({ layers: [layer], compression: 'none' }));
  const registry = await startRegistry({ contents, fault: on(/\/blobs\//, throttle(bytesPerSecond)) });
  cleanup.after(() => registry.close());
  say(
    `one layer of ${layerBytes / 1e6} MB, ${bytesPerSecond / 1e6} MB/s for each connection, ${rounds} rounds, medians`,
  );
  say('connections  wall s  MB/s  cpu s  peak MB');
  const counts = [1, 2, 4, 8];
  const measurements = counts.map((): Measurement[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [at, count] of counts.entries()) {
      const root = join(folder, 'root');
      const flags = ['--root', root, '-q', '--blob-connections', String(count)];
      measurements[at]?.push(
        await measure([process.execPath, bundledProgram('tspull'), ...flags, `${registry.host}/bench/image:1`]),
      );
      rmSync(root, { recursive: true });
    }
  for (const [at, count] of counts.entries()) {
    const of = (key: keyof Measurement) => median((measurements[at] ?? []).map((item) => item[key]));
    const cells = [
      [String(count), 11],
      [of('wall').toFixed(2), 6],
      [(layerBytes / 1e6 / of('wall')).toFixed(0), 4],
      [of('cpu').toFixed(2), 5],
      [(of('rss') / 1e6).toFixed(0), 7],
    ] as const;
    say(cells.map(([text, width]) => text.padStart(width)).join('  '));
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
