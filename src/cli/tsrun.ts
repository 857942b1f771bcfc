/** `tsrun [OPTIONS] IMAGE [COMMAND] [ARG...]` */
import { writeSync } from 'node:fs';
import { KnownError } from '../../store/errors.js';
import { leaveAtOnce } from '../../store/linux/leave.js';
import { defaultRoot, openForRunning } from '../../store/store.js';
import { run } from '../run/run.js';
import { explainError } from './explain-error.js';
import { type ParsedFlags, parseFlags, usage } from './run-flag-parser.js';
import { runFlags, runHelp } from './run-flags.js';
import { imageToRun, pullPolicy } from './run-image.js';
import { optionsFromFlags } from './run-options-from-flags.js';
import { packageVersion } from './version.js';

/** Exit status of `docker run` when the container could not be started. */
const FAILED = 125;

async function main(args: readonly string[]): Promise<number> {
  if (args.length === 1 && args[0] === '--version') {
    process.stdout.write(`tsrun version ${packageVersion()}\n`);
    return 0;
  }
  const flags = parseFlags(runFlags, args);
  if (flags.has('help')) {
    process.stdout.write(runHelp());
    return 0;
  }
  if (flags.has('version')) {
    const { packageVersion } = await import('./version.js');
    process.stdout.write(`tsrun version ${packageVersion()}\n`);
    return 0;
  }
  const [name, ...command] = flags.rest;
  if (name === undefined) {
    say(
      "tsrun: 'tsrun' requires at least 1 argument\n\nUsage:  tsrun [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'tsrun --help' for more information\n",
    );
    return 1;
  }
  if (flags.has('tty') && flags.has('interactive') && !flags.has('detach') && !process.stdin.isTTY) {
    say('the input device is not a TTY\n');
    return 1;
  }
  try {
    return await runImage(name, command, flags);
  } catch (error) {
    if (!flags.has('json')) throw error;
    const { failureJson } = await import('./run-measured.js');
    const text = failureJson(error);
    if (text === undefined) throw error;
    process.stdout.write(`${text}\n`);
    return statusOf(error);
  }
}

async function runImage(name: string, command: readonly string[], flags: ParsedFlags): Promise<number> {
  const measured = isMeasured(flags) ? await import('./run-measured.js') : undefined;
  const given = optionsFromFlags(flags, process.env);
  const options = measured?.optionsUnder(flags, given) ?? given;
  const pull = pullPolicy(flags.last('pull'));
  if (measured !== undefined && isSupervised(flags))
    throw usage('conflicting options: a run that is measured or limited cannot be detached or restarted');
  const supervised = isSupervised(flags) ? await import('./run-supervised.js') : undefined;
  // It gets ready while the rest is.
  using supervisor = supervised?.startSupervisor();
  using store = await openForRunning(flags.last('root') ?? defaultRoot());
  const { root } = store;
  const image = await imageToRun({ root, name, pull, platform: flags.last('platform'), quiet: flags.has('quiet') });
  const onWarning = (text: string): void => say(`WARNING: ${text}\n`);
  const request = { root, image, command, options, onWarning };
  if (supervised !== undefined && supervisor !== undefined)
    return await supervised.runSupervised(flags, request, supervisor, say);
  if (measured !== undefined) return await measured.runMeasured(flags, request, say);
  const { exitCode } = await run(request);
  return exitCode;
}

/** Others run under this program itself, which is quicker: they are gone with it, or belong to another runtime. */
const isSupervised = (flags: ParsedFlags): boolean =>
  flags.has('detach') ||
  !(flags.has('rm') || flags.last('runtime') || isMeasured(flags)) ||
  ['restart', 'detach-keys', 'cidfile', 'log-driver', 'health-cmd'].some((name) => flags.last(name));

const isMeasured = (flags: ParsedFlags): boolean =>
  flags.has('sandbox') || flags.has('json') || ['timeout', 'output-limit'].some((name) => flags.last(name));

/** Written at once: the stream may be the container's as well, and must not be made non-blocking. */
function say(text: string): void {
  writeSync(2, text);
}

function explain(error: unknown): number {
  const advice =
    error instanceof KnownError && error.code === 'E_USAGE' ? "\n\nRun 'tsrun --help' for more information" : '';
  say(`${explainError('tsrun', error)}${advice}\n`);
  return statusOf(error);
}

function statusOf(error: unknown): number {
  return error instanceof KnownError ? (error.exitCode ?? FAILED) : FAILED;
}

process.once('exit', leaveAtOnce);
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = explain(error);
  },
);
