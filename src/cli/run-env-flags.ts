import { readFileSync } from 'node:fs';
import { isErrno } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { usage } from './run-flag-parser.js';

/** The variables of `--env-file` and `-e`, files first. A bare name takes the caller's value, if there is one. */
export function environmentFlags(
  files: readonly string[],
  entries: readonly string[],
  caller: NodeJS.ProcessEnv,
): string[] {
  const fromFiles = files.flatMap((path) => environmentFile(readText(path), path));
  const all = [...fromFiles, ...entries.map(checkEntry)];
  return all.flatMap((entry) => {
    if (entry.includes('=')) return [entry];
    const value = caller[entry];
    return value === undefined ? [] : [`${entry}=${value}`];
  });
}

function checkEntry(entry: string): string {
  if (entry === '' || entry.startsWith('=')) throw usage(`invalid environment variable: ${printable(entry)}`);
  return entry;
}

/** One variable a line; empty lines and those that start with `#` are skipped, blanks before the name too. */
export function environmentFile(text: string, path: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const name = line.split('=', 1)[0] ?? '';
      if (/\s/.test(name))
        throw usage(`poorly formatted environment: variable '${printable(name)}' contains whitespaces`);
      if (name === '')
        throw usage(`poorly formatted environment: no variable name on line '${printable(line)}' of ${path}`);
      return line;
    });
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw usage(`open ${printable(path)}: no such file or directory`);
    throw error;
  }
  const text = bytes.toString('utf8');
  if (bytes.includes(0) || text.includes('\ufffd'))
    throw usage(`env file ${printable(path)} contains invalid utf8 bytes`);
  return text;
}
