/** `tspull [OPTIONS] REFERENCE…` */
import { Command, InvalidArgumentError, Option } from 'commander';
import { printable } from '../../store/printable.js';
import { type PulledImage, type PullOptions, pullAll } from '../pull/pull.js';
import type { OnPullEvent } from '../pull/pull-event.js';
import type { ShortNames } from '../pull/reference-for.js';
import type { ExplainOutput } from './explain-command.js';
import type { CliContext } from './main.js';
import { lineReporter } from './pull-lines.js';
import { checkArity, parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';

interface Flags {
  root?: string;
  platform?: string;
  insecure?: boolean;
  ca?: string[];
  mirror?: string[];
  shortNames?: ShortNames;
  explain?: boolean;
  maxConcurrentDownloads?: number;
  quiet?: boolean;
  json?: boolean;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 999 is expected');
  return Number(text);
}

const collect = (text: string, before: string[] = []): string[] => [...before, text];

const sources = `
A SOURCE other than a registry:
  docker-archive:FILE[:NAME]  what docker save or podman save wrote; FILE may be - for standard input
  oci-archive:FILE[:NAME]     an archive of an OCI layout
  oci:DIRECTORY[:NAME]        an OCI layout
  docker-daemon:NAME          a running Docker daemon (DOCKER_HOST, else /var/run/docker.sock)`;

export async function pullProgram(context: CliContext): Promise<undefined> {
  const program = new Command('tspull')
    .usage('[OPTIONS] NAME[:TAG|@DIGEST]|SOURCE...')
    .description('Pull images from a registry into a Docker data root, without a daemon')
    .addHelpText('after', sources)
    .argument('[names...]')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .option('--platform <platform>', 'as linux/arm64 (default: this machine)')
    .option('--insecure', 'allow plain http, and https with any certificate')
    .option('--ca <file>', 'file with certificate authorities to trust as well (repeatable)', collect)
    .option('--mirror <url>', 'ask this mirror first; REGISTRY=URL for one registry only (repeatable)', collect)
    .addOption(
      new Option('--short-names <rules>', 'by whose rules a name gets its registry').choices(['docker', 'containers']),
    )
    .option('--explain', 'print which endpoints would be asked, and why; nothing is pulled')
    .option(
      '--max-concurrent-downloads <number>',
      'layers in work at the same time (default: processors, at most 3)',
      count,
    )
    .option('-q, --quiet', 'print only the names')
    .option('--json', 'print one event a line on standard output')
    .helpOption('-h, --help', 'show help')
    .version(`tspull version ${packageVersion()}`, '-v, --version', 'show the version')
    .action(async (names: string[], flags: Flags) => {
      checkArity(program, names, { least: 1, most: Number.POSITIVE_INFINITY });
      for (const name of names) {
        try {
          if (flags.explain) await explainName(name, pullOptions(flags), { ...context, json: flags.json ?? false });
          else await pullOne(name, flags, context);
        } catch (error) {
          context.report(error);
          if (context.signal.aborted) return;
        }
      }
    });
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return undefined;
}

async function pullOne(name: string, flags: Flags, context: CliContext): Promise<void> {
  const reporter = await chooseReporter(name, flags, context);
  let pulled: PulledImage[];
  try {
    pulled = await pullAll(name, { ...pullOptions(flags), onEvent: reporter.onEvent, signal: context.signal });
  } finally {
    reporter.end();
  }
  for (const image of pulled) {
    if (flags.json) context.out(`${JSON.stringify({ type: 'result', ...image })}\n`);
    else for (const text of image.names.length === 0 ? [image.id] : image.names) context.out(`${printable(text)}\n`);
  }
}

/** Loaded only when asked for. */
async function explainName(name: string, options: PullOptions, output: ExplainOutput): Promise<void> {
  const { explainOne } = await import('./explain-command.js');
  return explainOne(name, options, output);
}

function pullOptions(flags: Flags): PullOptions {
  const { root, platform, insecure, ca, mirror, shortNames, maxConcurrentDownloads } = flags;
  return {
    ...(root !== undefined && { root }),
    ...(platform !== undefined && { platform }),
    ...(insecure !== undefined && { insecure }),
    ...(ca !== undefined && { caFiles: ca }),
    ...(mirror !== undefined && { mirrors: mirror }),
    ...(shortNames !== undefined && { shortNames }),
    ...(maxConcurrentDownloads !== undefined && { maxConcurrentDownloads }),
  };
}

export interface PullReporter {
  onEvent: OnPullEvent;
  /** The pull has ended, well or not: whatever was drawn is left in its last state. */
  end(): void;
}

async function chooseReporter(name: string, flags: Flags, context: CliContext): Promise<PullReporter> {
  if (flags.json) return { onEvent: (event) => context.out(`${JSON.stringify(event)}\n`), end() {} };
  if (flags.quiet) return { onEvent() {}, end() {} };
  const lines = lineReporter(name, context.err);
  // A terminal that nobody gave a size has 0 columns, in which nothing can be drawn; clearing such a display never ends.
  const isTerminal =
    process.stderr.isTTY && process.stderr.columns > 0 && process.env['TERM'] !== 'dumb' && !process.env['CI'];
  if (!isTerminal) return lines;
  const { terminalReporter } = await import('./pull-terminal.js');
  return terminalReporter(lines);
}
