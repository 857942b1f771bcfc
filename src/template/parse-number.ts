/** Go's number literals. */
import { unquote } from './go-quote.js';

const radixPrefixes: [pattern: RegExp, radix: string][] = [
  [/^0[xX]/, '0x'],
  [/^0[oO]?(?=[0-9_])/, '0o'],
  [/^0[bB]/, '0b'],
];

/** A whole number (bigint) or one with a point or exponent; undefined when malformed. */
export function parseNumber(text: string): bigint | number | undefined {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  if (/^_|_$|__/.test(digits)) return undefined;
  const plain = digits.replaceAll('_', '');
  if (/^0[xXbBoO]/.test(plain) || !/[.eE]/.test(plain)) return parseInteger(plain, negative);
  const value = Number(plain);
  return Number.isFinite(value) ? (negative ? -value : value) : undefined;
}

function parseInteger(digits: string, negative: boolean): bigint | undefined {
  let literal = digits;
  for (const [pattern, prefix] of radixPrefixes) {
    if (!pattern.test(digits)) continue;
    literal = digits.replace(pattern, prefix);
    break;
  }
  try {
    const value = BigInt(literal);
    return negative ? -value : value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `'a'` stands for its code point. */
export function parseCharacter(literal: string): bigint | undefined {
  const characters = Array.from(unquote(literal) ?? '');
  const code = characters.length === 1 ? characters[0]?.codePointAt(0) : undefined;
  return code === undefined ? undefined : BigInt(code);
}
