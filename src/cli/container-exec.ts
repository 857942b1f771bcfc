/** `tscontainer exec [OPTIONS] CONTAINER COMMAND [ARG...]` */
import { KnownError } from '../../store/errors.js';
import { defaultRoot, openForReading } from '../../store/store.js';
import { findToExec, startDetachedExec, startExec } from '../run/exec/exec.js';
import type { ExecOptions } from '../run/exec/exec-options.js';
import { standardStreams } from '../run/start/standard-streams.js';
import { defaultDetachKeys, parseDetachKeys } from './detach-keys.js';
import { UsageError, withExitCode } from './explain-error.js';
import type { CliContext } from './main.js';
import { environmentFlags } from './run-env-flags.js';
import { type Flag, type ParsedFlags, parseFlags } from './run-flag-parser.js';
import { runHelp } from './run-flags.js';

const execFlags: readonly Flag[] = [
  { name: 'detach', short: 'd', kind: 'switch', help: 'Run command in the background' },
  { name: 'detach-keys', kind: 'value', value: 'string', help: 'Override the key sequence for detaching' },
  { name: 'env', short: 'e', kind: 'value', value: 'list', help: 'Set environment variables' },
  { name: 'env-file', kind: 'value', value: 'list', help: 'Read in a file of environment variables' },
  { name: 'help', kind: 'switch', help: 'Print usage' },
  { name: 'interactive', short: 'i', kind: 'switch', help: 'Keep STDIN open even if not attached' },
  { name: 'privileged', kind: 'switch', help: 'Give extended privileges to the command' },
  { name: 'root', kind: 'value', value: 'directory', help: 'The data root to use' },
  { name: 'tty', short: 't', kind: 'switch', help: 'Allocate a pseudo-TTY' },
  { name: 'user', short: 'u', kind: 'value', value: 'string', help: 'Username or UID (<name|uid>[:<group|gid>])' },
  { name: 'workdir', short: 'w', kind: 'value', value: 'string', help: 'Working directory inside the container' },
];
const usage = 'tscontainer exec [OPTIONS] CONTAINER COMMAND [ARG...]';

export async function execCommand(args: readonly string[], { out, err }: CliContext): Promise<number> {
  const flags = parseFlags(execFlags, args);
  if (flags.has('help')) {
    out(runHelp({ usage, what: 'Execute a command in a running container.' }, execFlags));
    return 0;
  }
  const [name, ...command] = flags.rest;
  if (name === undefined || command.length === 0)
    throw new UsageError(
      `tscontainer: 'tscontainer exec' requires at least 2 arguments\n\nUsage:  ${usage}\n\nRun 'tscontainer exec --help' for more information`,
      1,
    );
  const isDetached = flags.has('detach');
  const options = optionsFrom(flags);
  const detachKeys = parseDetachKeys(flags.last('detach-keys') ?? defaultDetachKeys);
  if (options.tty && options.interactive && !isDetached && !process.stdin.isTTY) {
    err('the input device is not a TTY\n');
    return 1;
  }
  const { root } = openForReading(flags.last('root') ?? defaultRoot());
  const request = { root, record: findToExec(root, name), command, options };
  if (isDetached) {
    await startDetachedExec(request).catch((error: unknown) => {
      throw error instanceof KnownError ? withExitCode(error, 1) : error;
    });
    return 0;
  }
  if (options.tty) {
    const { execOnTerminal } = await import('./exec-terminal.js');
    return await execOnTerminal(request, detachKeys);
  }
  const { ended } = await startExec({ ...request, streams: () => standardStreams(options.interactive ?? false) });
  return await ended;
}

function optionsFrom(flags: ParsedFlags): ExecOptions {
  const [workdir, user] = [flags.last('workdir'), flags.last('user')];
  return {
    interactive: flags.has('interactive'),
    tty: flags.has('tty'),
    privileged: flags.has('privileged'),
    env: environmentFlags(flags.all('env-file'), flags.all('env'), process.env),
    ...(workdir !== undefined && { workdir }),
    ...(user !== undefined && { user }),
  };
}
