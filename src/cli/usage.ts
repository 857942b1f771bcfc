/** Command lines as Docker's programs take them, on commander. */
import { type Command, CommanderError } from 'commander';
import { UsageError } from './explain-error.js';

/** Docker ends with 125 for a wrong flag and with 1 for everything else that is wrong with a command line. */
const wrongFlag = 125;
const wrongArguments = 1;

/** How many names a command takes, in the words of its error. */
export interface Arity {
  least: number;
  most: number;
}

/** Puts Docker's texts in the place of commander's, for the command and those below it. */
export function useDockerTexts(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const child of command.commands) useDockerTexts(child);
}

/** Arguments are taken whole, so that their number is checked with Docker's words. */
export function subcommand(program: Command, name: string, usage: string): Command {
  return program.command(name).usage(usage).argument('[names...]').helpOption('-h, --help', 'show help');
}

/** Parses, and turns what commander throws into a {@link UsageError} or, for help, into a normal end. */
export async function parseCommandLine(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(joinBooleans(args), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code)) return;
    throw usageError(program, args, error);
  }
}

/** Flags that are on unless they are turned off. */
const onByDefault: Readonly<Record<string, string>> = {
  '--human': 'human',
  '-H': 'human',
  '--pause': 'pause',
  '-p': 'pause',
  '--sig-proxy': 'sig-proxy',
};

/** Go's flags take `--quiet=true`; commander knows only `--quiet` and its absence. */
function joinBooleans(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.flatMap((argument, index) => {
    const [, flag, value] = /^(-{1,2}[a-zA-Z][a-z-]*)=(true|false)$/.exec(argument) ?? [];
    if (flag === undefined || (end !== -1 && index > end)) return [argument];
    const negatable = onByDefault[flag];
    if (negatable !== undefined) return [`--${value === 'true' ? '' : 'no-'}${negatable}`];
    return value === 'true' ? [flag] : [];
  });
}

function usageError(program: Command, args: readonly string[], error: CommanderError): UsageError {
  const command = commandIn(program, args);
  const path = pathOf(command);
  const advice = `\n\nUsage:  ${path} ${command.usage()}\n\nRun '${path} --help' for more information`;
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.unknownOption':
      return new UsageError(
        `unknown ${/^--/.test(quoted) ? 'flag' : 'shorthand flag'}: ${asGiven(quoted)}${advice}`,
        wrongFlag,
      );
    case 'commander.optionMissingArgument':
      return new UsageError(`flag needs an argument: ${lackingFlag(quoted, args)}${advice}`, wrongFlag);
    case 'commander.invalidArgument':
      return new UsageError(`${invalidArgument(error.message)}${advice}`, wrongFlag);
    case 'commander.unknownCommand':
      return new UsageError(`${program.name()}: unknown command: ${program.name()} ${quoted}${advice}`, wrongArguments);
    default:
      return new UsageError(`${program.name()}: ${error.message.replace(/^error: /, '')}${advice}`, wrongArguments);
  }
}

/** The innermost command that is named. */
function commandIn(command: Command, args: readonly string[]): Command {
  const at = args.findIndex((arg) => command.commands.some((child) => isCalled(child, arg)));
  const child = command.commands.find((candidate) => isCalled(candidate, args[at] ?? ''));
  return child === undefined ? command : commandIn(child, args.slice(at + 1));
}

const isCalled = (command: Command, name: string): boolean =>
  command.name() === name || command.aliases().includes(name);

/** With the names of the program and of the groups that it is in. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** commander's "option '-f, --filter <filter>' argument 'x' is invalid. why" in Docker's words. */
function invalidArgument(message: string): string {
  const [, flag, value, reason] =
    /option '([^<']*?) ?(?:<.*>)?' argument '([\s\S]*)' is invalid\. ([\s\S]*)$/.exec(message) ?? [];
  if (flag === undefined) return message.replace(/^error: /, '');
  return `invalid argument ${JSON.stringify(value)} for "${flag}" flag: ${reason}`;
}

/** `-z` → `'z' in -z`, as Go's flags are told. */
const asGiven = (flag: string): string => (/^-[^-]/.test(flag) ? `'${flag.slice(1)}' in ${flag}` : flag);

/** Nothing followed it, so it is the last word. */
function lackingFlag(flags: string, args: readonly string[]): string {
  const last = args.at(-1) ?? '';
  return /^-[a-zA-Z]$/.test(last) && flags.startsWith(last) ? asGiven(last) : flagIn(flags);
}

/** `-f, --filter <filter>` → `--filter` */
function flagIn(text: string): string {
  return /--[a-z-]+/.exec(text)?.[0] ?? text.split(' ')[0] ?? text;
}

/** @throws UsageError with Docker's sentence */
export function checkArity(command: Command, given: readonly string[], { least, most }: Arity): void {
  if (given.length >= least && given.length <= most) return;
  const path = pathOf(command);
  const [program = ''] = path.split(' ');
  const plural = (count: number) => `${count} argument${count === 1 ? '' : 's'}`;
  let want = `requires at most ${plural(most)}`;
  if (most === 0) want = 'accepts no arguments';
  else if (least === most) want = `requires ${plural(least)}`;
  else if (given.length < least) want = `requires at least ${plural(least)}`;
  const text = `${program}: '${path}' ${want}\n\nUsage:  ${path} ${command.usage()}\n\nRun '${path} --help' for more information`;
  throw new UsageError(text, wrongArguments);
}
