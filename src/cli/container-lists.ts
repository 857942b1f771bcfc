/** The commands of `tscontainer` that show containers. */
import { type Command, InvalidArgumentError } from 'commander';
import { defaultRoot, openForReading } from '../../store/store.js';
import type { FilterList } from '../images/image-filters.js';
import { filterOption } from './filter-option.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  all?: boolean;
  filter?: FilterList;
  format?: string;
  last?: number;
  latest?: boolean;
  quiet?: boolean;
  size?: boolean;
  trunc?: boolean;
}

const formatHelp = "'table', 'table TEMPLATE', 'json', or a Go template";
const whole = (text: string): number => {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`strconv.ParseInt: parsing "${text}": invalid syntax`);
};
const rootOf = ({ root }: Flags): string => openForReading(root ?? defaultRoot()).root;

export function addContainerLists(program: Command, context: CliContext): void {
  program
    .command('ls')
    .aliases(['ps', 'list'])
    .usage('[OPTIONS]')
    .description('List containers')
    .argument('[names...]')
    .option('-a, --all', 'show all containers (default shows just running)')
    .addOption(filterOption())
    .option('--format <string>', formatHelp)
    .option('-n, --last <int>', 'show n last created containers (includes all states)', whole)
    .option('-l, --latest', 'show the latest created container (includes all states)')
    .option('--no-trunc', "don't truncate output")
    .option('-q, --quiet', 'only display container ids')
    .option('-s, --size', 'display total file sizes')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const flags = command.optsWithGlobals<Flags>();
      const { containerLs } = await import('./container-ls.js');
      const { all = false, quiet = false, size = false, trunc = true, filter: filters = [], format } = flags;
      const last = flags.latest ? 1 : Math.max(0, flags.last ?? 0);
      context.out(containerLs(rootOf(flags), { all, quiet, size, trunc, last, filters, format }));
    });
  program
    .command('inspect')
    .usage('[OPTIONS] CONTAINER [CONTAINER...]')
    .description('Display detailed information on one or more containers')
    .argument('[names...]')
    .option('-f, --format <string>', "'json', or a Go template")
    .option('-s, --size', 'display total file sizes')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: Number.POSITIVE_INFINITY });
      const flags = command.optsWithGlobals<Flags>();
      const { inspectContainers } = await import('./container-inspect.js');
      const { text, errors } = inspectContainers(rootOf(flags), names, { format: flags.format, size: flags.size });
      context.out(text);
      for (const error of errors) context.report(error);
    });
}
