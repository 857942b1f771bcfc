/** Questions at a terminal. */
import { createInterface } from 'node:readline/promises';
import { KnownError } from '../../store/errors.js';
import type { CliContext } from './main.js';

/** @param known is offered, and taken for an empty answer */
export async function askUser(known: string | undefined, { signal }: CliContext): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(known === undefined ? 'Username: ' : `Username (${known}): `, { signal });
    return answer.trim() === '' ? (known ?? '') : answer.trim();
  } finally {
    lines.close();
  }
}

const END_OF_TEXT = '\u0003';
const END_OF_INPUT = '\u0004';
const ERASE = ['\u0008', '\u007f'];
const ERASE_LINE = '\u0015';

/** Shows nothing of what is typed. */
export async function askPassword({ err }: CliContext): Promise<string> {
  const { stdin } = process;
  err('Password: ');
  stdin.setRawMode(true);
  stdin.resume();
  stdin.setEncoding('utf8');
  try {
    let typed: string[] = [];
    for await (const text of stdin as AsyncIterable<string>)
      for (const key of text) {
        if (key === '\r' || key === '\n' || key === END_OF_INPUT) return typed.join('');
        // In this mode the terminal makes no signal of it.
        if (key === END_OF_TEXT) throw new KnownError('E_CANCELLED', 'the login was cancelled');
        if (ERASE.includes(key)) typed.pop();
        else if (key === ERASE_LINE) typed = [];
        else if (key >= ' ') typed.push(key);
      }
    return typed.join('');
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    err('\n');
  }
}
