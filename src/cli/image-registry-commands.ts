/** The commands of `tsimage` that have to do with registries, and with images from elsewhere. */
import type { Command } from 'commander';
import type { PushFlags } from './image-push.js';
import type { CliContext } from './main.js';
import { collect, count } from './pull-flags.js';
import { checkArity } from './usage.js';

type AddSubcommand = (name: string, usage: string) => Command;

export function addRegistryCommands(subcommand: AddSubcommand, context: CliContext): void {
  addPush(subcommand, context);
}

function addPush(subcommand: AddSubcommand, context: CliContext): void {
  subcommand('push', '[OPTIONS] NAME[:TAG]')
    .description('Upload an image to a registry')
    .option('-a, --all-tags', 'push all tags of an image to the repository')
    .option('--disable-content-trust', 'taken for the sake of Docker: images are never signed')
    .option('-q, --quiet', 'suppress verbose output')
    .option('--json', 'one event a line, for programs')
    .option('--insecure', 'allow plain http, and https with any certificate')
    .option('--ca <file>', 'a file with certificate authorities (PEM); can be repeated', collect)
    .option('--max-concurrent-uploads <number>', 'layers in work at the same time (default 5)', count)
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      const { pushCommand } = await import('./image-push.js');
      await pushCommand(names[0] ?? '', command.optsWithGlobals<PushFlags>(), context);
    });
}
