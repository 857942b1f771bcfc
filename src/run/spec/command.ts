import { KnownError } from '../../../store/errors.js';
import type { ImageRunConfig } from '../run-options.js';

/**
 * What is executed, by Docker's rules: arguments of the caller replace the image's command; an entrypoint of the caller
 * replaces the image's entrypoint and drops its command.
 *
 * @throws KnownError E_RUN when nothing is left to execute
 */
export function containerCommand(
  image: ImageRunConfig,
  args: readonly string[],
  entrypoint: readonly string[] | undefined,
): string[] {
  const command = args.length > 0 || entrypoint !== undefined ? args : (image.Cmd ?? []);
  const all = [...(entrypoint ?? image.Entrypoint ?? []), ...command];
  if (all.length === 0) throw new KnownError('E_RUN', 'No command specified', { exitCode: 125 });
  return all;
}
