/** The commands of `tsimage` by which a root is kept in order. */
import { type Command, InvalidArgumentError } from 'commander';
import { KnownError } from '../../store/errors.js';
import { defaultRoot, openForReading } from '../../store/store.js';
import { checkKeepLast, parseAge, parseSize } from '../images/retention/policy.js';
import { filterOption } from './filter-option.js';
import type { BundleFlags } from './image-bundle.js';
import type { FsckFlags } from './image-fsck.js';
import type { PruneFlags } from './image-prune.js';
import type { CliContext } from './main.js';
import { collect } from './pull-flags.js';
import { checkArity, subcommand } from './usage.js';

export function addUpkeep(program: Command, context: CliContext): void {
  addPrune(program, context);
  addFsck(program, context);
  addState(program, context);
  addBundle(program, context);
}

function addPrune(program: Command, context: CliContext): void {
  subcommand(program, 'prune', '[OPTIONS]')
    .description('Remove unused images')
    .option('-a, --all', 'remove all unused images, not just dangling ones')
    .addOption(filterOption('--filter <filter>', 'only images that fit, as until=24h, label=a=b or label!=a'))
    .option('-f, --force', 'do not prompt for confirmation')
    .option('--keep-last <number>', 'keep the newest so many of each repository', flagValue(toCount))
    .option('--unused-for <duration>', 'only what was not used for that long, as 30d', flagValue(parseAge))
    .option(
      '--max-bytes <size>',
      'remove what was used longest ago until layers have no more, as 20g',
      flagValue(parseSize),
    )
    .option('--pin <pattern>', 'never remove images of such a name (repeatable)', collect)
    .option('--only <pattern>', 'remove only images of such a name (repeatable)', collect)
    .option('--policy <file>', 'a file with these rules, in JSON')
    .option('--dry-run', 'print what would be removed, and what that frees')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const { pruneCommand } = await import('./image-prune.js');
      await pruneCommand(command.optsWithGlobals<PruneFlags>(), context);
    });
}

function addFsck(program: Command, context: CliContext): void {
  subcommand(program, 'fsck', '[OPTIONS]')
    .description('Check every file of the data root against all others, and layers against their digests')
    .option('--quick', 'leave the files of layers unread')
    .option('--repair', 'put right what can be: small files from each other, layers from where they came')
    .option('--json', 'print a JSON document')
    .option('--insecure', 'a repair may speak plain http, and accepts any certificate')
    .option('--ca <file>', 'a certificate authority for a repair (PEM)')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const { fsckCommand } = await import('./image-fsck.js');
      await fsckCommand(command.optsWithGlobals<FsckFlags>(), context);
    });
}

function addState(program: Command, context: CliContext): void {
  subcommand(program, 'state', '')
    .description('Print which layers are here, for tsimage bundle --for')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      const { readState, stateText } = await import('../images/bundle/target-state.js');
      const { root = defaultRoot() } = command.optsWithGlobals<{ root?: string }>();
      context.out(stateText(readState(openForReading(root).root)));
    });
}

function addBundle(program: Command, context: CliContext): void {
  subcommand(program, 'bundle', '[OPTIONS] IMAGE [IMAGE...]')
    .description('Save images to an archive without the layers that another machine has')
    .option('--for <file>', 'what tsimage state has printed there; - for standard input')
    .option('-o, --output <file>', 'write to a file, instead of standard output')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: Number.POSITIVE_INFINITY });
      const { bundleImages } = await import('./image-bundle.js');
      const { root = defaultRoot(), ...flags } = command.optsWithGlobals<BundleFlags & { root?: string }>();
      await bundleImages(openForReading(root).root, names, flags, context);
    });
}

/** A value that means nothing is an error of its flag. */
function flagValue<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof KnownError && error.code === 'E_USAGE') throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

const toCount = (text: string): number => checkKeepLast(/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN);
