/** The commands of `tscontainer` about what containers use: top, stats, port, update, prune. */
import type { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading, openForRunning } from '../../store/store.js';
import { makeContainerFolders } from '../containers/container-files.js';
import { findContainer } from '../containers/list-containers.js';
import { trueRecord } from '../containers/true-state.js';
import type { FilterList } from '../images/image-filters.js';
import { filterOption } from './filter-option.js';
import type { CliContext } from './main.js';
import { alignColumns } from './table.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  all?: boolean;
  filter?: FilterList;
  force?: boolean;
  format?: string;
  stream?: boolean;
  trunc?: boolean;
}

const many = Number.POSITIVE_INFINITY;
const TOP_COLUMNS = 20;
const rootOf = ({ root }: Flags): string => openForReading(root ?? defaultRoot()).root;

export function addUsageCommands(program: Command, context: CliContext): void {
  const subcommand = (name: string, usage: string, description: string): Command =>
    program.command(name).usage(usage).description(description).argument('[names...]');
  subcommand('top', 'CONTAINER [ps OPTIONS]', 'Display the running processes of a container')
    .allowUnknownOption()
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      const root = rootOf(command.optsWithGlobals<Flags>());
      const { processTable } = await import('../life/processes.js');
      const [name = '', ...options] = names;
      const record = trueRecord(root, findContainer(root, name));
      const { titles, rows } = processTable(root, record, options.length === 0 ? ['-ef'] : options);
      const lines = [titles, ...rows].map((fields) => fields.map((field) => printable(field, 1 << 20)).join('\t'));
      context.out(`${alignColumns(lines.join('\n'), TOP_COLUMNS)}\n`);
    });
  subcommand('stats', '[OPTIONS] [CONTAINER...]', "Display a live stream of containers' resource usage statistics")
    .option('-a, --all', 'show all containers (default shows just running)')
    .option('--format <string>', "'table', 'table TEMPLATE', 'json', or a Go template")
    .option('--no-stream', 'disable streaming stats and only pull the first result')
    .option('--no-trunc', 'do not truncate output')
    .action(async (names: string[], _own, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      const { containerStats } = await import('./container-stats.js');
      const { all = false, stream = true, trunc = true, format } = flags;
      await containerStats(rootOf(flags), { names, all, stream, trunc, format }, context);
    });
  subcommand(
    'port',
    'CONTAINER [PRIVATE_PORT[/PROTO]]',
    'List port mappings or a specific mapping for the container',
  ).action((names: string[], _own, command: Command) => {
    checkArity(command, names, { least: 1, most: 2 });
    const [name = '', port] = names;
    const { name: found } = findContainer(rootOf(command.optsWithGlobals<Flags>()), name);
    if (port === undefined) return;
    throw new KnownError('E_USAGE', `No public port '${printable(port)}' published for ${found}`);
  });
  subcommand('prune', '[OPTIONS]', 'Remove all stopped containers')
    .addOption(filterOption('--filter <filter>'))
    .option('-f, --force', 'do not prompt for confirmation')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const flags = command.optsWithGlobals<Flags>();
      const { pruneContainers } = await import('./container-prune.js');
      using store = await openForRunning(flags.root ?? defaultRoot());
      makeContainerFolders(store.root);
      await pruneContainers(store.root, { force: flags.force ?? false, filters: flags.filter ?? [] }, context);
    });
  addUpdate(subcommand, context);
}

/** Flags with values, as `tsrun` has them. */
const limitFlags = [
  ['--blkio-weight <uint16>', 'block IO (relative weight), between 10 and 1000'],
  ['--cpu-period <int>', 'limit CPU CFS (Completely Fair Scheduler) period'],
  ['--cpu-quota <int>', 'limit CPU CFS (Completely Fair Scheduler) quota'],
  ['-c, --cpu-shares <int>', 'CPU shares (relative weight)'],
  ['--cpus <decimal>', 'number of CPUs'],
  ['--cpuset-cpus <string>', 'CPUs in which to allow execution (0-3, 0,1)'],
  ['--cpuset-mems <string>', 'MEMs in which to allow execution (0-3, 0,1)'],
  ['-m, --memory <bytes>', 'memory limit'],
  ['--memory-reservation <bytes>', 'memory soft limit'],
  ['--memory-swap <bytes>', 'swap limit equal to memory plus swap: -1 to enable unlimited swap'],
  ['--pids-limit <int>', 'tune container pids limit (set -1 for unlimited)'],
] as const;

function addUpdate(subcommand: (name: string, usage: string, what: string) => Command, context: CliContext): void {
  const command = subcommand('update', '[OPTIONS] CONTAINER [CONTAINER...]', 'Update configuration of containers');
  for (const [flags, what] of limitFlags) command.option(flags, what);
  command
    .option('--restart <string>', 'restart policy to apply when a container exits')
    .action(async (names: string[], own: Record<string, string>, sub: Command) => {
      checkArity(sub, names, { least: 1, most: many });
      const { updateFromFlags } = await import('./container-update.js');
      using store = await openForRunning(sub.optsWithGlobals<Flags>().root ?? defaultRoot());
      makeContainerFolders(store.root);
      await updateFromFlags(store.root, names, own, context);
    });
}
