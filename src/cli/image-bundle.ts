/** `tsimage bundle` */
import { readBoundedFile } from '../../store/fs/bounded-file.js';
import { printable } from '../../store/printable.js';
import { MAX_STATE_BYTES, parseState, type TargetState } from '../images/bundle/target-state.js';
import { humanSize } from '../images/human.js';
import { openImageArchive } from '../images/save/save.js';
import { refuseTerminal, writeArchive } from './image-save.js';
import type { CliContext } from './main.js';

export interface BundleFlags {
  for?: string;
  output?: string;
}

export async function bundleImages(
  root: string,
  names: readonly string[],
  { for: state, output }: BundleFlags,
  { signal, err }: CliContext,
): Promise<void> {
  refuseTerminal(output);
  const present = state === undefined ? undefined : readTarget(state).layers;
  using archive = await openImageArchive({
    root,
    names,
    format: 'docker-archive',
    ...(present && { present }),
    signal,
  });
  await writeArchive(archive, output, signal);
  const { layers } = archive;
  const inside = layers.filter(({ isIn }) => isIn);
  const bytes = (some: typeof layers) => humanSize(some.reduce((sum, { size }) => sum + size, 0));
  err(`${inside.length} of ${layers.length} layers are in it, ${bytes(inside)} of ${bytes(layers)}\n`);
}

function readTarget(file: string): TargetState {
  return parseState(readBoundedFile(file, MAX_STATE_BYTES), `the state "${printable(file, 300)}"`);
}
