/** `tsimage load` */
import { KnownError } from '../../store/errors.js';
import { lookUp } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { printable } from '../../store/printable.js';
import { loadArchive, type PulledImage } from '../pull/pull.js';
import { familiarName, familiarString, parseReference } from '../reference.js';
import type { CliContext } from './main.js';
import { chooseReporter } from './pull-reporter.js';

export interface LoadFlags {
  input?: string;
  quiet?: boolean;
}

export async function loadImages(root: string, flags: LoadFlags, context: CliContext): Promise<void> {
  const { input = '-', quiet = false } = flags;
  if (input === '-' && process.stdin.isTTY)
    throw new KnownError('E_USAGE', 'requested load from stdin, but stdin is empty');
  const before = readRepositories(root);
  // As Docker, a log gets no lines of layers.
  const isQuiet = quiet || !process.stderr.isTTY;
  const reporter = await chooseReporter({ ...context, json: false, quiet: isQuiet, timings: false, allTags: false });
  let images: PulledImage[];
  try {
    images = await loadArchive(input, { root, onEvent: reporter.onEvent, signal: context.signal });
  } finally {
    reporter.end();
  }
  for (const { id, names } of images) {
    if (names.length === 0) context.out(`Loaded image ID: ${id}\n`);
    for (const name of names.map(parseReference)) {
      const key = familiarString(name);
      const old = lookUp(before, familiarName(name), key);
      if (old !== undefined && old !== id)
        context.out(
          `The image ${printable(key)} already exists, renaming the old one with ID ${old} to empty string\n`,
        );
      context.out(`Loaded image: ${printable(key)}\n`);
    }
  }
}
