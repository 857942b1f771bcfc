/** The commands of `tscontainer`. */
import { Command } from 'commander';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading } from '../../store/store.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { listContainers } from '../containers/list-containers.js';
import { trueRecord } from '../containers/true-state.js';
import { humanDuration, shortId } from '../images/human.js';
import { addEvents } from './container-events.js';
import { addFilesCommands } from './container-files-commands.js';
import { addLifeCommands } from './container-life-commands.js';
import { addLogs } from './container-logs.js';
import type { CliContext } from './main.js';
import { alignColumns } from './table.js';
import { parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';
import { addVolumeCommands } from './volume-commands.js';

interface Flags {
  root?: string;
  all?: boolean;
  quiet?: boolean;
  trunc?: boolean;
}

export async function containerProgram(context: CliContext): Promise<undefined> {
  const program = new Command('tscontainer')
    .description('Containers that tsrun made in a data root')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .helpOption('-h, --help', 'show help')
    .version(`tscontainer version ${packageVersion()}`, '--version', 'show the version')
    .helpCommand(false);
  program
    .command('ls')
    .aliases(['ps', 'list'])
    .usage('[OPTIONS]')
    .description('List containers')
    .option('-a, --all', 'show all containers (default shows just running)')
    .option('--no-trunc', "don't truncate output")
    .option('-q, --quiet', 'only display container ids')
    .action((_own, command: Command) => list(command.optsWithGlobals<Flags>(), context));
  addLifeCommands(program, context);
  addLogs(program, context);
  addVolumeCommands(program, context);
  addFilesCommands(program, context);
  addEvents(program, context);
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}

function list({ root, all = false, quiet = false, trunc = true }: Flags, context: CliContext): void {
  const place = openForReading(root ?? defaultRoot()).root;
  const shown = listContainers(place)
    .map((record) => trueRecord(place, record))
    .filter(({ state }) => all || ['running', 'paused', 'restarting'].includes(state));
  const id = (record: ContainerRecord) => (trunc ? shortId(record.id) : record.id);
  if (quiet) {
    context.out(shown.map((record) => `${id(record)}\n`).join(''));
    return;
  }
  const rows = shown.map((record) =>
    [
      id(record),
      printable(record.image.name),
      commandText(record, trunc),
      ago(record.created),
      statusText(record),
      record.name,
    ].join('\t'),
  );
  context.out(`${alignColumns(['CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tNAMES', ...rows].join('\n'))}\n`);
}

const COMMAND_COLUMNS = 20;

function commandText({ command }: ContainerRecord, trunc: boolean): string {
  const text = printable(command.join(' '));
  return JSON.stringify(trunc && text.length > COMMAND_COLUMNS ? `${text.slice(0, COMMAND_COLUMNS - 1)}…` : text);
}

function ago(time: string): string {
  return `${humanDuration(Date.now() - Date.parse(time))} ago`;
}

function statusText({ state, created, started, exitCode, finished }: ContainerRecord): string {
  if (state === 'created') return 'Created';
  const up = `Up ${humanDuration(Date.now() - Date.parse(started ?? created))}`;
  if (state === 'running') return up;
  if (state === 'paused') return `${up} (Paused)`;
  if (state === 'restarting') return `Restarting (${exitCode ?? 0}) ${ago(finished ?? created)}`;
  return `Exited (${exitCode ?? 0}) ${ago(finished ?? created)}`;
}
