import { invalidArgument } from './run-flag-parser.js';

const units: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** Bytes from `512m`, `1.5GiB`, `1024`; undefined for a flag that was not given. -1 where `unlimited` allows it. */
export function sizeFlag(text: string | undefined, flag: string, unlimited = false): number | undefined {
  if (text === undefined) return undefined;
  if (unlimited && text === '-1') return -1;
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (match === null) throw invalidArgument(text, flag, `invalid size: '${text}'`);
  return Math.floor(Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 1));
}

/** A whole number; undefined for a flag that was not given. */
export function integerFlag(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw invalidArgument(text, flag, `strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}
