/** `tscontainer logs` */
import { once } from 'node:events';
import type { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading } from '../../store/store.js';
import { findContainer } from '../containers/list-containers.js';
import { parseUntil } from '../images/until.js';
import { readLogs } from '../life/read-logs.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  follow?: boolean;
  timestamps?: boolean;
  tail: string;
  since?: string;
  until?: string;
  details?: boolean;
}

export function addLogs(program: Command, context: CliContext): void {
  program
    .command('logs')
    .usage('[OPTIONS] CONTAINER')
    .description('Fetch the logs of a container')
    .argument('[names...]')
    .option('--details', 'show extra details provided to logs')
    .option('-f, --follow', 'follow log output')
    .option('-n, --tail <string>', 'number of lines to show from the end of the logs', 'all')
    .option('-t, --timestamps', 'show timestamps')
    .option('--since <string>', 'show logs since timestamp or relative (e.g. 42m)')
    .option('--until <string>', 'show logs before a timestamp or relative (e.g. 42m)')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      await print(names[0] ?? '', command.optsWithGlobals<Flags>(), context.signal);
    });
}

async function print(name: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { root } = openForReading(flags.root ?? defaultRoot());
  const record = findContainer(root, name);
  const tail = /^\d+$/.test(flags.tail) ? Number(flags.tail) : undefined;
  const [since, until] = [time(flags.since, 'since'), time(flags.until, 'until')];
  const entries = readLogs(root, record, {
    follow: flags.follow ?? false,
    signal,
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  });
  for await (const { log, stream, time: at } of entries) {
    const target = stream === 'stderr' ? process.stderr : process.stdout;
    const text = `${flags.timestamps ? `${padded(at)} ` : ''}${flags.details ? ' ' : ''}${log}`;
    if (!target.write(text)) await once(target, 'drain');
  }
}

/** Always nine digits, as Docker prints them. */
function padded(at: string): string {
  const [, whole = at, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(at) ?? [];
  return `${whole}.${fraction.padEnd(9, '0')}Z`;
}

function time(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  try {
    return Number(parseUntil(text, Date.now()) / 1_000_000n);
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    throw new KnownError(
      'E_USAGE',
      `invalid value for "${flag}": failed to parse value as time or duration: "${printable(text)}"`,
      { cause },
    );
  }
}
