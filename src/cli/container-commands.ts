/** The commands of `tscontainer`. */
import { Command } from 'commander';
import { addLifeCommands } from './container-life-commands.js';
import { addContainerLists } from './container-lists.js';
import { addLogs } from './container-logs.js';
import { addUsageCommands } from './container-usage.js';
import type { CliContext } from './main.js';
import { parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';

export async function containerProgram(context: CliContext): Promise<undefined> {
  const program = new Command('tscontainer')
    .description('Containers that tsrun made in a data root')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .helpOption('-h, --help', 'show help')
    .version(`tscontainer version ${packageVersion()}`, '-v, --version', 'show the version')
    .helpCommand(false);
  addContainerLists(program, context);
  addUsageCommands(program, context);
  addLifeCommands(program, context);
  addLogs(program, context);
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}
