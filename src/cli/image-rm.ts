/** `tsimage rm` */
import { KnownError } from '../../store/errors.js';
import type { Store } from '../../store/store.js';
import { type RemovedItem, type RemoveOptions, removeImage } from '../images/remove.js';
import { explainError } from './explain-error.js';
import type { CliContext } from './main.js';

/** Goes on after a failure. With `--force` an image that is not there is told but is no failure. */
export async function removeImages(
  context: CliContext,
  store: Store,
  names: readonly string[],
  options: RemoveOptions,
): Promise<void> {
  for (const name of names) {
    context.signal.throwIfAborted();
    try {
      for (const item of await removeImage(store, name, options)) context.out(`${itemText(item)}\n`);
    } catch (error) {
      if (!(error instanceof KnownError)) throw error;
      if (options.force && error.code === 'E_NO_IMAGE') context.err(`${explainError(context.program, error)}\n`);
      else context.report(error);
    }
  }
}

function itemText(item: RemovedItem): string {
  return 'untagged' in item ? `Untagged: ${item.untagged}` : `Deleted: ${item.deleted}`;
}
