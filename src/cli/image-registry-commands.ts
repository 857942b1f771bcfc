/** The commands of `tsimage` that have to do with registries, and with images from elsewhere. */
import type { Command } from 'commander';
import type { ImportFlags } from './image-import.js';
import type { LoginFlags } from './image-login.js';
import type { PushFlags } from './image-push.js';
import type { CliContext } from './main.js';
import { collect, count } from './pull-flags.js';
import { checkArity, subcommand } from './usage.js';

/** Docker takes more arguments than it uses. */
const many = Number.POSITIVE_INFINITY;

export function addRegistryCommands(program: Command, context: CliContext): void {
  addPush(program, context);
  addLogin(program, context);
  addLogout(program, context);
  addImport(program, context);
}

function addPush(program: Command, context: CliContext): void {
  subcommand(program, 'push', '[OPTIONS] NAME[:TAG]')
    .description('Upload an image to a registry')
    .option('-a, --all-tags', 'push all tags of an image to the repository')
    .option('--disable-content-trust', 'taken for the sake of Docker: images are never signed')
    .option('-q, --quiet', 'suppress verbose output')
    .option('--index', 'push the index that the image was pulled by, with all its images')
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

function addLogin(program: Command, context: CliContext): void {
  subcommand(program, 'login', '[OPTIONS] [SERVER]')
    .description('Authenticate to a registry; to Docker Hub if no server is specified')
    .option('-p, --password <string>', 'password or personal access token')
    .option('--password-stdin', 'take the password or personal access token from standard input')
    .option('-u, --username <string>', 'username')
    .option('--insecure', 'allow plain http, and https with any certificate')
    .option('--ca <file>', 'a file with certificate authorities (PEM); can be repeated', collect)
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 1 });
      const { loginCommand } = await import('./image-login.js');
      await loginCommand(names[0], command.optsWithGlobals<LoginFlags>(), context);
    });
}

function addLogout(program: Command, context: CliContext): void {
  subcommand(program, 'logout', '[SERVER]')
    .description('Log out from a registry; from Docker Hub if no server is specified')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 1 });
      const { logoutCommand } = await import('./image-login.js');
      await logoutCommand(names[0], context);
    });
}

function addImport(program: Command, context: CliContext): void {
  subcommand(program, 'import', '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]')
    .description('Import the contents from a tarball to create a filesystem image')
    .option('-c, --change <list>', 'apply Dockerfile instruction to the created image', collect)
    .option('-m, --message <string>', 'set commit message for imported image')
    .option('--platform <string>', 'set platform of the image')
    .option('--ca <file>', 'a file with certificate authorities (PEM); can be repeated', collect)
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: many });
      const { importCommand } = await import('./image-import.js');
      await importCommand(names[0] ?? '', names[1], command.optsWithGlobals<ImportFlags>(), context);
    });
}
