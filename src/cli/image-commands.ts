/** The commands of `tsimage` and their flags; the work is in the modules that they load. */
import { Command, Option } from 'commander';
import { defaultRoot, openForReading, openForWriting, type Store } from '../../store/store.js';
import { type ImageIndex, readImageIndex } from '../images/find.js';
import { filterOption } from './filter-option.js';
import type { LoadFlags } from './image-load.js';
import { addRegistryCommands } from './image-registry-commands.js';
import type { SaveFlags } from './image-save.js';
import { addUpkeep } from './image-upkeep-commands.js';
import type { CliContext } from './main.js';
import { checkArity, parseCommandLine, subcommand, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';

const many = Number.POSITIVE_INFINITY;
const formatHelp = "'table', 'table TEMPLATE', 'json', or a Go template";

interface Flags {
  root?: string;
  all?: boolean;
  digests?: boolean;
  filter?: [string, string][];
  force?: boolean;
  format?: string;
  human?: boolean;
  prune?: boolean;
  quiet?: boolean;
  trunc?: boolean;
}

export async function imageProgram(context: CliContext): Promise<undefined> {
  const program = new Command('tsimage')
    .description('Images in a Docker data root, without a daemon')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .helpOption('-h, --help', 'show help')
    .version(`tsimage version ${packageVersion()}`, '-v, --version', 'show the version')
    .helpCommand(false);
  addListing(program, context);
  addInspect(program, context);
  addHistory(program, context);
  addTag(program, context);
  addRemove(program, context);
  addSave(program, context);
  addLoad(program, context);
  addRegistryCommands(program, context);
  addUpkeep(program, context);
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}

function addListing(program: Command, context: CliContext): void {
  subcommand(program, 'ls', '[OPTIONS] [REPOSITORY[:TAG]]')
    .alias('list')
    .description('List images')
    .option('-a, --all', 'show all images (default hides intermediate images)')
    .option('--digests', 'show digests')
    .addOption(filterOption())
    .option('--format <string>', formatHelp)
    .option('--no-trunc', "don't truncate output")
    .option('-q, --quiet', 'only show image ids')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 1 });
      const flags = command.optsWithGlobals<Flags>();
      const { imageLs } = await import('./image-ls.js');
      const filters = [...(flags.filter ?? []), ...names.map((name): [string, string] => ['reference', name])];
      const { all = false, digests = false, quiet = false, trunc = true, format } = flags;
      context.out(imageLs(indexOf(flags), { all, digests, quiet, trunc, filters, format }));
    });
}

function addInspect(program: Command, context: CliContext): void {
  subcommand(program, 'inspect', '[OPTIONS] IMAGE [IMAGE...]')
    .description('Display detailed information on one or more images')
    .option('-f, --format <string>', "'json', or a Go template")
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      const flags = command.optsWithGlobals<Flags>();
      const { inspectImages } = await import('./image-inspect.js');
      const { text, errors } = inspectImages(indexOf(flags), names, flags.format);
      context.out(text);
      for (const error of errors) context.report(error);
    });
}

function addHistory(program: Command, context: CliContext): void {
  subcommand(program, 'history', '[OPTIONS] IMAGE')
    .description('Show the history of an image')
    .option('--format <string>', formatHelp)
    .option('-H, --human', 'sizes and dates in human readable format (default true)')
    .option('--no-human', 'sizes in bytes, dates as timestamps')
    .option('--no-trunc', "don't truncate output")
    .option('-q, --quiet', 'only show image ids')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      const flags = command.optsWithGlobals<Flags>();
      const { imageHistoryText } = await import('./image-history.js');
      const { human = true, quiet = false, trunc = true, format } = flags;
      context.out(imageHistoryText(indexOf(flags), names[0] ?? '', { human, quiet, trunc, format }));
    });
}

function addTag(program: Command, context: CliContext): void {
  subcommand(program, 'tag', 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]')
    .description('Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 2, most: 2 });
      const { tagImage } = await import('../images/tag.js');
      const [source = '', target = ''] = names;
      using store = await openStore(command.optsWithGlobals<Flags>(), context);
      await tagImage(store, source, target);
    });
}

function addRemove(program: Command, context: CliContext): void {
  subcommand(program, 'rm', '[OPTIONS] IMAGE [IMAGE...]')
    .aliases(['rmi', 'remove'])
    .description('Remove one or more images')
    .option('-f, --force', 'force removal of the image')
    .option('--no-prune', 'do not delete untagged parents')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      const flags = command.optsWithGlobals<Flags>();
      const { removeImages } = await import('./image-rm.js');
      using store = await openStore(flags, context);
      await removeImages(context, store, names, { force: flags.force ?? false, noPrune: flags.prune === false });
    });
}

function addSave(program: Command, context: CliContext): void {
  subcommand(program, 'save', '[OPTIONS] IMAGE [IMAGE...]')
    .description('Save one or more images to a tar archive (streamed to standard output by default)')
    .option('-o, --output <file>', 'write to a file, instead of standard output')
    .addOption(
      new Option('--format <format>', 'kind of archive')
        .choices(['docker-archive', 'oci-archive'])
        .default('docker-archive'),
    )
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      const flags = command.optsWithGlobals<Flags & SaveFlags>();
      const { saveImages } = await import('./image-save.js');
      await saveImages(openForReading(flags.root ?? defaultRoot()).root, names, flags, context);
    });
}

function addLoad(program: Command, context: CliContext): void {
  subcommand(program, 'load', '[OPTIONS]')
    .description('Load images from a tar archive or standard input')
    .option('-i, --input <file>', 'read from a file, instead of standard input')
    .option('-q, --quiet', 'suppress the load output')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const flags = command.optsWithGlobals<Flags & LoadFlags>();
      const { loadImages } = await import('./image-load.js');
      await loadImages(flags.root ?? defaultRoot(), flags, context);
    });
}

function indexOf({ root }: Flags): ImageIndex {
  return readImageIndex(openForReading(root ?? defaultRoot()).root);
}

function openStore({ root }: Flags, { signal }: CliContext): Promise<Store> {
  return openForWriting(root ?? defaultRoot(), signal);
}
