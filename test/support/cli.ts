/** The programs as people run them: each in a process of its own. */
import { fileURLToPath } from 'node:url';
import { type CommandResult, type RunOptions, run } from './dockerd.js';

export type Program = 'tspull' | 'tsimage' | 'tsrun' | 'tscontainer';

/** The compiled program, as one file of the source tree. */
export function compiledProgram(name: Program): string {
  return fileURLToPath(new URL(`../../src/cli/${name}.js`, import.meta.url));
}

/** The bundled program, as it is published. */
export function bundledProgram(name: Program): string {
  return fileURLToPath(new URL(`../../../dist/${name}.cjs`, import.meta.url));
}

/** Runs a program on a data root to its end; never rejects for a status other than 0. */
export function cli(
  name: Program,
  root: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const env = { ...process.env, TSPULL_ROOT: root, ...options.env };
  return run(process.execPath, ['--', bundledProgram(name), ...args], { ...options, env });
}
