/** `tscontainer ps` with nothing but simple flags, for which loading the parser of command lines would take as long as all the rest. */
import { defaultRoot, openForReading } from '../../store/store.js';
import { containerLs } from './container-ls.js';

/**
 * The text of the listing.
 *
 * @param root that was given, if any
 * @param words the command's name and what follows it
 * @returns undefined for whatever has to be parsed, and perhaps refused
 */
export function plainListing(root: string | undefined, [name, ...flags]: readonly string[]): string | undefined {
  if (name !== 'ps' && name !== 'ls' && name !== 'list') return undefined;
  const wish = { all: false, quiet: false, trunc: true, size: false, last: 0, filters: [], format: undefined };
  for (const flag of flags) {
    if (flag === '--no-trunc') wish.trunc = false;
    else if (flag === '--all' || /^-[aq]*a[aq]*$/.test(flag)) wish.all = true;
    else if (flag !== '--quiet' && !/^-q+$/.test(flag)) return undefined;
    if (flag === '--quiet' || /^-[aq]*q/.test(flag)) wish.quiet = true;
  }
  return containerLs(openForReading(root ?? defaultRoot()).root, wish);
}
