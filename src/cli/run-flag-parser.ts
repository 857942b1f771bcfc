/**
 * Flags as Docker's command line reads them: they end at the first word that is none, `--flag=value` and `--flag value` are
 * the same, one-letter flags can be joined (`-it`, `-eA=1`), and a switch takes a value only after `=`.
 */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

export interface Flag {
  /** Without the dashes. */
  name: string;
  short?: string;
  kind: 'switch' | 'value';
  /** What the value is, for the help text. */
  value?: string;
  help: string;
}

export interface ParsedFlags {
  /** Whether a switch is on; the last one counts. */
  has(name: string): boolean;
  /** The last value; undefined when the flag was not given. */
  last(name: string): string | undefined;
  /** All values in their order. */
  all(name: string): string[];
  /** What follows the flags. */
  rest: string[];
}

/** @throws KnownError E_USAGE with status 125, as `docker run` ends */
export function parseFlags(flags: readonly Flag[], args: readonly string[]): ParsedFlags {
  const values = new Map<string, string[]>();
  const add = (flag: Flag, value: string): void => {
    values.set(flag.name, [...(values.get(flag.name) ?? []), value]);
  };
  let index = 0;
  const next = (complaint: string): string => {
    const value = args[index++];
    if (value === undefined) throw usage(`flag needs an argument: ${complaint}`);
    return value;
  };
  while (index < args.length) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('-') || arg === '-') break;
    index++;
    if (arg === '--') break;
    if (arg.startsWith('--')) readLong(flags, arg, { add, next });
    else readShort(flags, arg, { add, next });
  }
  return {
    has: (name) => values.get(name)?.at(-1) === 'true',
    last: (name) => values.get(name)?.at(-1),
    all: (name) => values.get(name) ?? [],
    rest: args.slice(index),
  };
}

interface Reader {
  add: (flag: Flag, value: string) => void;
  next: (complaint: string) => string;
}

function readLong(flags: readonly Flag[], arg: string, { add, next }: Reader): void {
  const end = arg.indexOf('=');
  const name = end < 0 ? arg.slice(2) : arg.slice(2, end);
  const flag = flags.find((candidate) => candidate.name === name);
  if (flag === undefined) throw usage(`unknown flag: --${printable(name)}`);
  const value = end < 0 ? undefined : arg.slice(end + 1);
  if (flag.kind === 'switch') add(flag, value === undefined ? 'true' : switchValue(value, `--${name}`));
  else add(flag, value ?? next(`--${name}`));
}

function readShort(flags: readonly Flag[], arg: string, { add, next }: Reader): void {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg.charAt(at);
    const flag = flags.find((candidate) => candidate.short === letter);
    if (flag === undefined) throw usage(`unknown shorthand flag: '${printable(letter)}' in ${printable(arg)}`);
    const rest = arg.slice(at + 1);
    if (flag.kind === 'switch') {
      if (!rest.startsWith('=')) {
        add(flag, 'true');
        continue;
      }
      add(flag, switchValue(rest.slice(1), `-${letter}, --${flag.name}`));
    } else if (rest === '') add(flag, next(`'${letter}' in ${printable(arg)}`));
    else add(flag, rest.startsWith('=') ? rest.slice(1) : rest);
    return;
  }
}

/** Go's strconv.ParseBool. */
function switchValue(text: string, flag: string): string {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return 'true';
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return 'false';
  throw invalidArgument(text, flag, `strconv.ParseBool: parsing "${printable(text)}": invalid syntax`);
}

export function invalidArgument(value: string, flag: string, reason: string): KnownError {
  return usage(`invalid argument "${printable(value)}" for "${flag}" flag: ${reason}`);
}

export function usage(message: string): KnownError {
  return new KnownError('E_USAGE', message, { exitCode: 125 });
}
