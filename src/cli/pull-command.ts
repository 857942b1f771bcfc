/** `tspull [OPTIONS] REFERENCE…` */
import { Command, Option } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { PullOptions } from '../pull/pull.js';
import { type PullManyOptions, type PullOutcome, pullMany } from '../pull/pull-many.js';
import { parseSource } from '../pull/sources/source-name.js';
import { canonicalName, familiarName, parseReference } from '../reference.js';
import type { ExplainOutput } from './explain-command.js';
import type { CliContext } from './main.js';
import { collect, collectList, connections, count, duration, type PullFlags, pullOptions, rate } from './pull-flags.js';
import { statusLine } from './pull-lines.js';
import { chooseReporter } from './pull-reporter.js';
import { checkArity, parseCommandLine, useDockerTexts } from './usage.js';
import { packageVersion } from './version.js';

const sources = `
A SOURCE other than a registry:
  docker-archive:FILE[:NAME]  what docker save or podman save wrote; FILE may be - for standard input
  oci-archive:FILE[:NAME]     an archive of an OCI layout
  oci:DIRECTORY[:NAME]        an OCI layout
  docker-daemon:NAME          a running Docker daemon (DOCKER_HOST, else /var/run/docker.sock)
  containers-storage:NAME     the store of podman, buildah, skopeo or CRI-O; [overlay@GRAPHROOT]NAME for another place
  data-root:DIRECTORY[:NAME]  another data root, of tspull or of a dockerd that is stopped`;

export async function pullProgram(context: CliContext): Promise<number | undefined> {
  let status: number | undefined;
  const program = new Command('tspull')
    .usage('[OPTIONS] NAME[:TAG|@DIGEST]|SOURCE...')
    .description('Pull images from a registry into a Docker data root, without a daemon')
    .addHelpText('after', sources)
    .argument('[names...]')
    .option('-a, --all-tags', 'pull every tag of the names')
    .option('--root <directory>', 'data root (default: TSPULL_ROOT, else /var/lib/tspull)')
    .option(
      '--platform <platform>',
      'as linux/arm64 (default: this machine); several with commas, or repeated',
      collectList,
    )
    .option('--insecure', 'allow plain http, and https with any certificate')
    .option('--ca <file>', 'file with certificate authorities to trust as well (repeatable)', collect)
    .option('--mirror <url>', 'ask this mirror first; REGISTRY=URL for one registry only (repeatable)', collect)
    .addOption(
      new Option('--short-names <rules>', 'by whose rules a name gets its registry').choices(['docker', 'containers']),
    )
    .option('--explain', 'print which endpoints would be asked, and why; nothing is pulled')
    .option('--plan', 'print what pulling would take, and whether there is room for it; nothing is pulled or written')
    .option(
      '--max-concurrent-downloads <number>',
      'layers in work at the same time (default: processors, at most 3)',
      count,
    )
    .option(
      '--blob-connections <number>',
      'for one layer at the same time, where a registry throttles each (default: 1)',
      connections,
    )
    .option('--limit-rate <rate>', 'bytes a second of all connections together, as 500k, 1.5m or 1g', rate)
    .option(
      '--stall-timeout <duration>',
      'give up a connection that brings less than 16 KiB of a layer in this time (default: 30s)',
      duration,
    )
    .option('--via-daemon', 'hand the images over to the Docker daemon that works on the data root')
    .option('-q, --quiet', 'print only the names')
    .option('--json', 'print one event a line on standard output')
    .option('--timings', 'print at the end where the time went, layer by layer')
    .option('--verbose', 'say what inflates layers: the libraries that are used, and those that are lacking')
    .helpOption('-h, --help', 'show help')
    .version(`tspull version ${packageVersion()}`, '-v, --version', 'show the version')
    .action(async (names: string[], flags: PullFlags) => {
      checkArity(program, names, { least: 1, most: Number.POSITIVE_INFINITY });
      if (flags.verbose) await tellDecoders(context);
      if (flags.plan) status = await planNames(names, flags, context);
      else if (flags.explain) await explainNames(names, flags, context);
      else await pullNames(names, flags, context);
    });
  useDockerTexts(program);
  await parseCommandLine(program, context.args);
  return status;
}

async function pullNames(names: readonly string[], flags: PullFlags, context: CliContext): Promise<void> {
  const { json = false, quiet = false, timings = false, allTags = false } = flags;
  const reporter = await chooseReporter({ ...context, json, quiet, timings, allTags });
  let outcomes: PullOutcome[];
  try {
    const options = { ...pullOptions(flags), onEvent: reporter.onEvent, signal: context.signal };
    outcomes = flags.viaDaemon ? await pullForDaemon(names, options) : await pullMany(names, options);
  } finally {
    reporter.end();
  }
  for (const outcome of outcomes) {
    if (!json && allTags) showAllTags(outcome, quiet, context);
    else if (!json) showImages(outcome, context);
    for (const error of outcome.errors) {
      context.report(error);
      // All were cancelled at once.
      if (context.signal.aborted && error instanceof KnownError && error.code === 'E_CANCELLED') return;
    }
  }
}

/** Loaded only when asked for. */
async function pullForDaemon(names: readonly string[], options: PullManyOptions): Promise<PullOutcome[]> {
  const { pullViaDaemon } = await import('../library/pull-via-daemon.js');
  return pullViaDaemon(names, options);
}

function showImages({ images }: PullOutcome, { out }: CliContext): void {
  for (const { id, names } of images) for (const text of names.length === 0 ? [id] : names) out(`${printable(text)}\n`);
}

/** As Docker, one status and one name for all of them. */
function showAllTags({ name, images, errors }: PullOutcome, quiet: boolean, { out, err }: CliContext): void {
  if (errors.length > 0) return;
  const source = parseSource(name);
  if (source.kind !== 'registry') return;
  const reference = parseReference(source.name);
  if (!quiet) {
    const upToDate = images.every((image) => image.upToDate);
    err(`${statusLine(upToDate, familiarName(reference))}\n`);
  }
  out(`${printable(canonicalName(reference))}\n`);
}

async function explainNames(names: readonly string[], flags: PullFlags, context: CliContext): Promise<void> {
  for (const name of names) {
    try {
      await explainName(name, pullOptions(flags), { ...context, json: flags.json ?? false });
    } catch (error) {
      context.report(error);
      if (context.signal.aborted) return;
    }
  }
}

/** Loaded only when asked for. */
async function explainName(name: string, options: PullOptions, output: ExplainOutput): Promise<void> {
  const { explainOne } = await import('./explain-command.js');
  return explainOne(name, options, output);
}

async function planNames(names: readonly string[], flags: PullFlags, context: CliContext): Promise<number | undefined> {
  const plans = await import('./plan-command.js');
  const options = { ...pullOptions(flags), signal: context.signal };
  return plans.planNames(names, options, { ...context, json: flags.json ?? false });
}

async function tellDecoders({ err }: CliContext): Promise<void> {
  const { decodersInUse } = await import('../../store/tar/decoders.js');
  for (const { format, name, lacks } of decodersInUse())
    err(`${format} is inflated by ${name}${lacks === undefined ? '' : `; ${lacks} would be faster`}\n`);
}
