import { constants } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../stage2/program.js';

const { ENOENT, ENOTDIR, EACCES } = constants.errno;

export interface Execution {
  argv: readonly string[];
  env: readonly string[];
  /** Folders that a command without a slash is looked for in. */
  path: readonly string[];
}

/** The name under which failures of the last step are reported, so that they can be told from those of the set-up. */
export const EXECUTE = 'execve';

/**
 * Executes the command. A name without a slash is tried in each folder, inside the container and as its user, so that
 * volumes and permissions count; files that are missing or not executable are passed over.
 */
export function addExecution(program: Program, { argv, env, path }: Execution): void {
  const [command = ''] = argv;
  const args = program.texts(argv);
  const environment = program.texts(env);
  if (command === '' || command.includes('/')) {
    program.call('execve', [command, args, environment], command);
    return;
  }
  const result = program.slot();
  for (const folder of path) {
    const next = program.label();
    program.call('execve', [join(folder, command), args, environment], command, { save: result, ignore: true });
    for (const errno of [ENOENT, ENOTDIR, EACCES]) program.jumpIfEqual(result, -errno, next);
    program.fail(result, { call: EXECUTE, operands: command });
    program.mark(next);
  }
  const notFound = program.slot(BigInt(-ENOENT));
  program.fail(notFound, { call: EXECUTE, operands: command });
}
