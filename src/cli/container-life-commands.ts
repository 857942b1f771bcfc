/** The commands of `tscontainer` that change what a container does. */
import { type Command, InvalidArgumentError } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForRunning } from '../../store/store.js';
import { makeContainerFolders } from '../containers/container-files.js';
import { signalNumber } from '../containers/signals.js';
import {
  attachContainer,
  destroyContainer,
  killContainer,
  pauseContainer,
  renameContainer,
  startContainer,
  stopContainer,
  waitForContainer,
} from '../life/lifecycle.js';
import { type Progress, startRestartable, stopRestartable } from '../life/restartable.js';
import { joinStreams, terminalSize, toOurOutputs } from './attach-streams.js';
import { defaultDetachKeys, parseDetachKeys } from './detach-keys.js';
import { explainError, withExitCode, withPrefix } from './explain-error.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  time?: number;
  signal?: string;
  force?: boolean;
  volumes?: boolean;
  attach?: boolean;
  interactive?: boolean;
  detachKeys: string;
  allRestartable?: boolean;
  stdin: boolean;
  sigProxy?: boolean;
}

const many = { least: 1, most: Number.POSITIVE_INFINITY };
const none = { least: 0, most: 0 };
const seconds = (text: string): number => {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`strconv.ParseInt: parsing "${text}": invalid syntax`);
};

export function addLifeCommands(program: Command, context: CliContext): void {
  const each = (
    name: string,
    description: string,
    /** A text that it settles with is printed in place of the name; null for nothing. */
    perform: (root: string, name: string, flags: Flags) => Promise<unknown>,
    performAll?: typeof stopRestartable,
  ): Command =>
    program
      .command(name)
      .usage('[OPTIONS] CONTAINER [CONTAINER...]')
      .description(description)
      .argument('[names...]')
      .action(async (names: string[], _own, command: Command) => {
        const flags = command.optsWithGlobals<Flags>();
        checkArity(command, names, flags.allRestartable ? none : many);
        await inRoot(flags, async (root) => {
          if (flags.allRestartable) await performAll?.(root, progressOf(context), flags.time);
          for (const given of names) {
            try {
              const said = await perform(root, given, flags);
              if (said !== null) context.out(`${printable(typeof said === 'string' ? said : given)}\n`);
            } catch (error) {
              context.report(error);
            }
          }
        });
      });
  const stop = (root: string, name: string, { time, signal }: Flags): Promise<void> =>
    stopContainer(root, name, {
      ...(time !== undefined && { timeout: time }),
      ...(signal && { signal: signalNumber(signal) }),
    });
  each('stop', 'Stop one or more running containers', stop, stopRestartable)
    .option('-s, --signal <string>', 'signal to send to the container')
    .option('-t, --time <int>', 'seconds to wait before killing the container', seconds)
    .option('--all-restartable', 'stop all that have a restart policy; "start --all-restartable" brings them back');
  each('restart', 'Restart one or more containers', async (root, name, flags) => {
    await stop(root, name, flags);
    await startContainer(root, name);
  })
    .option('-s, --signal <string>', 'signal to send to the container')
    .option('-t, --time <int>', 'seconds to wait before killing the container', seconds);
  each('kill', 'Kill one or more running containers', async (root, name, { signal = 'KILL' }) => {
    try {
      await killContainer(root, name, signalNumber(signal));
    } catch (error) {
      const isOfContainer = error instanceof KnownError && /^(No such|The linux daemon)/.test(error.message);
      throw isOfContainer ? withPrefix(error, `Cannot kill container: ${printable(name)}: `) : error;
    }
  }).option('-s, --signal <string>', 'signal to send to the container (default KILL)');
  each('rm', 'Remove one or more containers', async (root, name, { force = false, volumes = false }) => {
    try {
      return await destroyContainer(root, name, force, volumes);
    } catch (error) {
      // As with rm(1), and with docker.
      if (!(force && error instanceof KnownError && error.code === 'E_NO_CONTAINER')) throw error;
      context.err(`${explainError(context.program, error)}\n`);
      return null;
    }
  })
    .alias('remove')
    .option('-v, --volumes', 'remove anonymous volumes associated with the container')
    .option('-f, --force', 'force the removal of a running container (uses SIGKILL)');
  each('pause', 'Pause all processes within one or more containers', (root, name) => pauseContainer(root, name, true));
  each('unpause', 'Unpause all processes within one or more containers', (root, name) =>
    pauseContainer(root, name, false),
  );
  each('wait', 'Block until one or more containers stop, then print their exit codes', async (root, name) =>
    String(await waitForContainer(root, name)),
  );
  program
    .command('rename')
    .usage('CONTAINER NEW_NAME')
    .description('Rename a container')
    .argument('[names...]')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 2, most: 2 });
      const [from = '', to = ''] = names;
      if (from.trim() === '' || to.trim() === '')
        throw new KnownError('E_USAGE', 'Neither old nor new names may be empty');
      await inRoot(command.optsWithGlobals<Flags>(), async (root) => {
        try {
          await renameContainer(root, from, to);
        } catch (error) {
          context.report(error);
          context.err(`Error: failed to rename container named ${printable(from)}\n`);
        }
      });
    });
  addStart(program, context);
  addAttach(program, context);
}

function addStart(program: Command, context: CliContext): void {
  program
    .command('start')
    .usage('[OPTIONS] CONTAINER [CONTAINER...]')
    .description('Start one or more stopped containers')
    .argument('[names...]')
    .option('-a, --attach', 'attach STDOUT/STDERR and forward signals')
    .option('-i, --interactive', "attach container's STDIN")
    .option('--all-restartable', 'start all that their restart policy wants to run, as after a start of the machine')
    .option('--detach-keys <string>', 'override the key sequence for detaching a container', defaultDetachKeys)
    .action(async (names: string[], _own, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      checkArity(command, names, flags.allRestartable ? none : many);
      await inRoot(flags, async (root) => {
        if (flags.allRestartable) await startRestartable(root, progressOf(context));
        else if (flags.attach || flags.interactive) await startAttached(root, names, flags, context);
        else await startAll(root, names, context);
      });
    });
}

function progressOf({ out, report }: CliContext): Progress {
  return { done: (name) => out(`${printable(name)}\n`), failed: (_, error) => report(error) };
}

async function startAll(root: string, names: string[], context: CliContext): Promise<void> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await startContainer(root, name);
      context.out(`${printable(name)}\n`);
    } catch (error) {
      context.report(asFailureOfStart(error));
      failed.push(printable(name));
    }
  }
  if (failed.length > 0) context.err(`Error: failed to start containers: ${failed.join(', ')}\n`);
}

async function startAttached(root: string, names: string[], flags: Flags, context: CliContext): Promise<void> {
  const [name = '', other] = names;
  if (other !== undefined) throw new KnownError('E_USAGE', 'you cannot start and attach multiple containers at once');
  const size = terminalSize();
  const attachment = await startContainer(root, name, { attach: toOurOutputs, ...(size && { size }) }).catch(
    (error: unknown) => {
      throw asFailureOfStart(error);
    },
  );
  if (attachment === undefined) return;
  const end = await joinStreams(attachment, {
    input: flags.interactive ?? false,
    detachKeys: parseDetachKeys(flags.detachKeys),
    signals: true,
  });
  if (end !== 'detached') context.end(end ?? (await waitForContainer(root, name)));
}

/** 126 and 127 are for run alone. */
function asFailureOfStart(error: unknown): unknown {
  return error instanceof KnownError ? withExitCode(error, 1) : error;
}

function addAttach(program: Command, context: CliContext): void {
  program
    .command('attach')
    .usage('[OPTIONS] CONTAINER')
    .description('Attach local standard input, output, and error streams to a running container')
    .argument('[names...]')
    .option('--detach-keys <string>', 'override the key sequence for detaching a container', defaultDetachKeys)
    .option('--no-stdin', 'do not attach STDIN')
    .option('--sig-proxy', 'proxy received signals to the process (default true)')
    .option('--no-sig-proxy', 'do not proxy received signals to the process')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      const flags = command.optsWithGlobals<Flags>();
      const detachKeys = parseDetachKeys(flags.detachKeys);
      await inRoot(flags, async (root) => {
        const attachment = await attachContainer(root, names[0] ?? '', toOurOutputs);
        const end = await joinStreams(attachment, { input: flags.stdin, detachKeys, signals: flags.sigProxy ?? true });
        if (end !== 'detached') context.end(end ?? (await waitForContainer(root, names[0] ?? '')));
      });
    });
}

async function inRoot(flags: Flags, work: (root: string) => Promise<void>): Promise<void> {
  using store = await openForRunning(flags.root ?? defaultRoot());
  makeContainerFolders(store.root);
  await work(store.root);
}
