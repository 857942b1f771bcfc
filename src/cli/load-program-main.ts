/** What the files of programs and of the layer worker are: each runs the bundle that belongs to it. */
import { join } from 'node:path';
import { loadBundle } from './load-program.js';

/** Filled in when the file is bundled: the program's name, and where its bundle is. */
declare const PROGRAM: string;
declare const CODE: string;

/** A subcommand. A word that is none ends in failure, and nothing is kept for it. */
function variant(): string {
  const [, , word = ''] = process.argv;
  const hasSubcommands = PROGRAM === 'tsimage' || PROGRAM === 'tscontainer';
  return hasSubcommands && /^[a-z]{2,12}$/.test(word) ? `-${word}` : '';
}

loadBundle({ file: join(import.meta.dirname, CODE), variant: variant(), isWhole: PROGRAM === 'layer-worker' });
