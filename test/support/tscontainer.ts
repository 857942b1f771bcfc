import { fileURLToPath } from 'node:url';
import { type Outcome, program } from './tsrun.js';

const file = fileURLToPath(new URL('../../src/cli/tscontainer.js', import.meta.url));

/** Runs tscontainer to its end with pipes as streams. */
export const tscontainer = (root: string, ...args: string[]): Outcome => program(file, root, args);
