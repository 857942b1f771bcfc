/** `run` of the library: from an image's name to the end of its container. */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForWriting } from '../../store/store.js';
import { findImage, readImageIndex } from '../images/find.js';
import { type PullOptions, pull } from '../pull/pull.js';
import { type RunResult, run as runContainer } from '../run/run.js';
import { readRunImage } from '../run/run-image.js';
import type { RunImage, RunOptions } from '../run/run-options.js';

export interface ImageSource {
  /** The data root; default `TSPULL_ROOT`, else /var/lib/tspull. */
  root?: string;
  /** When to ask the registry; default `missing`. */
  pull?: 'always' | 'missing' | 'never';
  /** For the pull. */
  pullOptions?: Omit<PullOptions, 'root'>;
}

export interface RunByNameOptions extends RunOptions, ImageSource {
  onWarning?: (text: string) => void;
}

/**
 * Runs a command in a new container and waits for its end. Standard streams of this process are the container's. An image that is not
 * there is pulled first.
 *
 * @param command replaces the image's own; empty for that one
 * @throws KnownError with `exitCode` 125, 126 or 127 when the container could not be started
 */
export async function run(
  image: string,
  command: readonly string[] = [],
  options: RunByNameOptions = {},
): Promise<RunResult> {
  const { root: path = defaultRoot(), pull: policy, pullOptions, onWarning, ...runOptions } = options;
  using store = await openForWriting(path);
  const { root } = store;
  const found = await imageFrom(root, image, { ...(policy && { pull: policy }), ...(pullOptions && { pullOptions }) });
  return runContainer({ root, image: found, command, options: runOptions, ...(onWarning && { onWarning }) });
}

/** @param root of a store that is open for writing */
export async function imageFrom(root: string, image: string, source: Omit<ImageSource, 'root'>): Promise<RunImage> {
  const { pull: policy = 'missing', pullOptions = {} } = source;
  const local = policy === 'always' ? undefined : findLocal(root, image);
  if (local === undefined && policy === 'never')
    throw new KnownError('E_NO_IMAGE', `No such image: ${printable(image)}`, { exitCode: 125 });
  const id = local?.id ?? (await pull(image, { ...pullOptions, root })).id;
  const found = readRunImage(root, id, image);
  if (found === undefined)
    throw new KnownError('E_STORE', `the image ${printable(image)} vanished before it could run`);
  return found;
}

function findLocal(root: string, name: string): ImageRecord | undefined {
  try {
    return findImage(readImageIndex(root), name);
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_NO_IMAGE') return undefined;
    throw error;
  }
}
