/** `tscontainer create`: the flags of tsrun, but for those about the one run. */
import { KnownError } from '../../store/errors.js';
import { defaultRoot, openForRunning } from '../../store/store.js';
import { withExitCode } from './explain-error.js';
import type { CliContext } from './main.js';
import { parseFlags } from './run-flag-parser.js';
import { runFlags, runHelp } from './run-flags.js';
import { imageToRun, pullPolicy } from './run-image.js';
import { optionsFromFlags } from './run-options-from-flags.js';
import { createFromFlags, lifeFlags } from './run-supervised.js';

const onlyOfRun = ['detach', 'detach-keys', 'sig-proxy', 'sandbox', 'timeout', 'output-limit', 'json'];
const createFlags = runFlags.filter(({ name }) => !onlyOfRun.includes(name));

export async function createCommand(args: readonly string[], { out, err }: CliContext): Promise<number> {
  const flags = parseFlags(createFlags, args);
  const help = runHelp(
    {
      usage: 'tscontainer create [OPTIONS] IMAGE [COMMAND] [ARG...]',
      what: 'Create a new container, to be started later.',
    },
    createFlags,
  );
  if (flags.has('help')) {
    out(help);
    return 0;
  }
  const [name, ...command] = flags.rest;
  if (name === undefined) {
    err(
      `tscontainer: 'tscontainer create' requires at least 1 argument\n\nUsage:  tscontainer create [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'tscontainer create --help' for more information\n`,
    );
    return 1;
  }
  const options = optionsFromFlags(flags, process.env);
  const pull = pullPolicy(flags.last('pull'));
  lifeFlags(flags, options);
  try {
    using store = await openForRunning(flags.last('root') ?? defaultRoot());
    const { root } = store;
    const image = await imageToRun({ root, name, pull, platform: flags.last('platform'), quiet: flags.has('quiet') });
    const { id } = await createFromFlags(flags, { root, image, command, options }, err);
    out(`${id}\n`);
    return 0;
  } catch (error) {
    // Flags that make no sense end with 125; what cannot be made ends with 1, as with docker.
    throw error instanceof KnownError ? withExitCode(error, 1) : error;
  }
}
