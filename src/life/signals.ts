import { constants } from 'node:os';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

const HIGHEST = 64;
const REAL_TIME_FIRST = 34;

/**
 * The number of a signal that is named with or without SIG, or given as a number: `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
 *
 * @throws KnownError with Docker's texts
 */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    if (number >= 1 && number <= HIGHEST) return number;
    throw new KnownError('E_USAGE', `The linux daemon does not support signal ${number}`);
  }
  const [, base, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? [];
  if (base !== undefined) {
    const number = (base === 'MIN' ? REAL_TIME_FIRST : HIGHEST) + Number(`${sign ?? ''}${offset ?? 0}`);
    if (number >= REAL_TIME_FIRST && number <= HIGHEST) return number;
  }
  const known = Object.entries(constants.signals).find(([key]) => key === `SIG${name}`);
  if (known !== undefined) return known[1];
  throw new KnownError('E_USAGE', `Invalid signal: ${printable(text)}`);
}
