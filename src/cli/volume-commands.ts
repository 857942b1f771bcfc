/** `tscontainer volume ls|create|inspect|rm|prune` */
import type { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading, openForRunning } from '../../store/store.js';
import { createVolume } from '../containers/volumes/create-volume.js';
import { pruneVolumes, removeVolume } from '../containers/volumes/remove-volume.js';
import { findVolume, type Volume } from '../containers/volumes/volume-files.js';
import { humanSize } from '../images/human.js';
import { indentJson } from '../template/indent-json.js';
import { jsonText } from '../template/json-text.js';
import { parseTemplate, renderTemplate } from '../template/template.js';
import { askToContinue } from './ask-to-continue.js';
import { filterOption } from './filter-option.js';
import { labelFlags } from './life-flags.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';
import { filterVolumes, volumeListing, volumeView } from './volume-view.js';

interface Flags {
  root?: string;
  all?: boolean;
  driver: string;
  filter?: [string, string][];
  force?: boolean;
  format?: string;
  label: string[];
  name?: string;
  opt?: string[];
  quiet?: boolean;
}

const many = Number.POSITIVE_INFINITY;
const collect = (text: string, before: string[] = []): string[] => [...before, text];

export function addVolumeCommands(program: Command, context: CliContext): void {
  const volumes = program.command('volume').usage('COMMAND').description('Manage volumes').helpCommand(false);
  const add = (name: string, usage: string, description: string): Command =>
    volumes.command(name).usage(usage).description(description).argument('[names...]');
  add('ls', '[OPTIONS]', 'List volumes')
    .alias('list')
    .addOption(filterOption())
    .option('--format <string>', "'table', 'table TEMPLATE', 'json', or a Go template")
    .option('-q, --quiet', 'only display volume names')
    .action((names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const { filter = [], format, quiet = false, ...flags } = command.optsWithGlobals<Flags>();
      context.out(volumeListing(filterVolumes(readingRoot(flags), filter), format, quiet));
    });
  add('create', '[OPTIONS] [VOLUME]', 'Create a volume')
    .option('-d, --driver <string>', 'specify volume driver name', 'local')
    .option('--label <list>', 'set metadata for a volume', collect, [])
    .option('--name <string>', 'specify volume name')
    .option('-o, --opt <map>', 'set driver specific options', collect)
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 1 });
      await create(names[0], command.optsWithGlobals<Flags>(), context);
    });
  add('inspect', '[OPTIONS] VOLUME [VOLUME...]', 'Display detailed information on one or more volumes')
    .option('-f, --format <string>', "'json', or a Go template")
    .action((names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      inspect(names, command.optsWithGlobals<Flags>(), context);
    });
  add('rm', '[OPTIONS] VOLUME [VOLUME...]', 'Remove one or more volumes')
    .alias('remove')
    .option('-f, --force', 'force the removal of one or more volumes')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      await remove(names, command.optsWithGlobals<Flags>(), context);
    });
  add('prune', '[OPTIONS]', 'Remove unused local volumes')
    .option('-a, --all', 'remove all unused volumes, not just anonymous ones')
    .addOption(filterOption('--filter <filter>'))
    .option('-f, --force', 'do not prompt for confirmation')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      await prune(command.optsWithGlobals<Flags>(), context);
    });
}

const readingRoot = ({ root }: Pick<Flags, 'root'>): string => openForReading(root ?? defaultRoot()).root;

async function create(given: string | undefined, flags: Flags, context: CliContext): Promise<void> {
  const { driver, opt = [], label, name } = flags;
  if (given !== undefined && name !== undefined && given !== name)
    throw new KnownError(
      'E_USAGE',
      'conflicting options: cannot specify a volume name through both --name and as a positional arg',
    );
  const wanted = given ?? name;
  if (driver !== 'local')
    throw new KnownError(
      'E_USAGE',
      `create ${printable(wanted ?? '')}: error looking up volume plugin ${printable(driver)}: plugin "${printable(driver)}" not found`,
    );
  if (opt.length > 0)
    throw new KnownError('E_UNSUPPORTED', 'options of volumes are not supported', {
      hint: 'mount what they name yourself, and use a bind mount',
    });
  using store = await openForRunning(flags.root ?? defaultRoot());
  context.out(`${await createVolume(store.root, wanted, labelFlags([], label))}\n`);
}

function inspect(names: string[], flags: Flags, context: CliContext): void {
  const { format } = flags;
  const isJson = format === undefined || format === '' || format === 'json';
  const template = isJson ? undefined : parseTemplate(format);
  const root = readingRoot(flags);
  const found: Volume[] = [];
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      found.push(findVolume(root, name));
    } catch (error) {
      errors.push(error);
    }
  }
  const views = found.map(volumeView);
  const list = `[${views.map((view) => jsonText(view)).join(',')}]`;
  if (template === undefined) context.out(`${format === 'json' ? list : indentJson(list)}\n`);
  else context.out(views.map((view) => `${renderTemplate(template, view)}\n`).join('') || '\n');
  for (const error of errors) context.report(error);
}

async function remove(names: string[], flags: Flags, context: CliContext): Promise<void> {
  using store = await openForRunning(flags.root ?? defaultRoot());
  for (const name of names) {
    try {
      await removeVolume(store.root, name);
    } catch (error) {
      const isMissing = error instanceof KnownError && error.code === 'E_NO_VOLUME';
      if (!(flags.force && isMissing)) {
        context.report(error);
        continue;
      }
    }
    context.out(`${printable(name)}\n`);
  }
}

async function prune(flags: Flags, context: CliContext): Promise<void> {
  const { all = false, filter = [], force = false } = flags;
  const wanted = filter.filter(([name]) => name === 'label' || name === 'label!' || name === 'all');
  const unknown = filter.find((one) => !wanted.includes(one));
  if (unknown !== undefined) throw new KnownError('E_USAGE', `Invalid filter '${printable(unknown[0])}'`);
  const everything = all || wanted.some(([name, value]) => name === 'all' && ['1', 'true'].includes(value));
  const what = everything ? 'all' : 'anonymous';
  const warning = `WARNING! This will remove ${what} local volumes not used by at least one container.`;
  if (!force && !(await askToContinue(warning, context))) return;
  using store = await openForRunning(flags.root ?? defaultRoot());
  const labels = wanted.filter(([name]) => name !== 'all');
  const candidates = filterVolumes(store.root, [...labels, ['dangling', 'true']]);
  const { removed, bytes } = await pruneVolumes(store.root, candidates, everything);
  if (removed.length > 0) context.out(`Deleted Volumes:\n${removed.map((name) => `${name}\n`).join('')}\n`);
  context.out(`Total reclaimed space: ${humanSize(bytes, 4)}\n`);
}
