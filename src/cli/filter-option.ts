import { InvalidArgumentError, Option } from 'commander';

/** `-f name=value`, as often as wanted. */
export function filterOption(
  flags = '-f, --filter <filter>',
  description = 'filter output based on conditions provided',
): Option {
  return new Option(flags, description).argParser((text: string, previous: [string, string][] | undefined) => [
    ...(previous ?? []),
    parseFilter(text),
  ]);
}

/** Docker takes names in any case and blanks around both parts. */
function parseFilter(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals === -1) throw new InvalidArgumentError('bad format of filter (expected name=value)');
  return [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
}
