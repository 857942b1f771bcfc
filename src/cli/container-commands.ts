/** The commands of `tscontainer`: containers that `tsrun` left are listed and removed. */
import { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { tryAcquire } from '../../store/fs/lock.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading, openForWriting } from '../../store/store.js';
import { containerFiles, makeContainerFolders } from '../containers/container-files.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { findContainer, listContainers } from '../containers/list-containers.js';
import { releaseImageLayers } from '../containers/release-image.js';
import { removeContainer } from '../containers/remove-container.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { humanDuration, shortId } from '../images/human.js';
import type { CliContext } from './main.js';
import { alignColumns } from './table.js';
import { checkArity, parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';

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
    .version(`tscontainer version ${packageVersion()}`, '-v, --version', 'show the version')
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
  program
    .command('rm')
    .alias('remove')
    .usage('CONTAINER [CONTAINER...]')
    .description('Remove one or more stopped containers')
    .argument('[names...]')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: Number.POSITIVE_INFINITY });
      await remove(names, command.optsWithGlobals<Flags>(), context);
    });
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}

function list({ root, all = false, quiet = false, trunc = true }: Flags, context: CliContext): void {
  const shown = listContainers(openForReading(root ?? defaultRoot()).root).filter(
    ({ state }) => all || state === 'running',
  );
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

function statusText({ state, created, exitCode, finished }: ContainerRecord): string {
  if (state === 'created') return 'Created';
  if (state === 'running') return `Up ${humanDuration(Date.now() - Date.parse(created))}`;
  return `Exited (${exitCode ?? 0}) ${ago(finished ?? created)}`;
}

async function remove(names: string[], { root }: Flags, context: CliContext): Promise<void> {
  using store = await openForWriting(root ?? defaultRoot(), context.signal);
  makeContainerFolders(store.root);
  sweepDeadContainers(store.root);
  for (const name of names) {
    try {
      const record = findContainer(store.root, name);
      using lock = tryAcquire(containerFiles(store.root, record.id).live, 'exclusive');
      if (lock === undefined) throw stillRunning(record);
      removeContainer(store.root, record);
      await releaseImageLayers(store.root, record);
      context.out(`${printable(name)}\n`);
    } catch (error) {
      context.report(error);
    }
  }
}

function stillRunning({ id }: ContainerRecord): KnownError {
  return new KnownError(
    'E_CONFLICT',
    `You cannot remove a running container ${id}. Stop the container before attempting removal`,
    {
      hint: 'end the tsrun that it belongs to first',
    },
  );
}
