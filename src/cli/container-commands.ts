/** The commands of `tscontainer`. */
import { Command } from 'commander';
import { addEvents } from './container-events.js';
import { addFilesCommands } from './container-files-commands.js';
import { addLifeCommands } from './container-life-commands.js';
import { addContainerLists } from './container-lists.js';
import { addLogs } from './container-logs.js';
import { addUsageCommands } from './container-usage.js';
import type { CliContext } from './main.js';
import { parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';
import { addVolumeCommands } from './volume-commands.js';

export async function containerProgram(context: CliContext): Promise<undefined> {
  const program = new Command('tscontainer')
    .description('Containers that tsrun made in a data root')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .helpOption('-h, --help', 'show help')
    .version(`tscontainer version ${packageVersion()}`, '--version', 'show the version')
    .helpCommand(false);
  addContainerLists(program, context);
  addUsageCommands(program, context);
  addLifeCommands(program, context);
  addLogs(program, context);
  addVolumeCommands(program, context);
  addFilesCommands(program, context);
  addEvents(program, context);
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}
