/**
 * JSON as an attacker may write it. Go's parser takes the last of two equal keys, ignores the case of keys and replaces
 * broken text, JSON.parse rounds numbers: the same bytes can mean different things to different programs. What is
 * ambiguous is refused here, so that a digest names one meaning.
 */
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export interface StrictJsonOptions {
  /** What the bytes are, for error messages: `manifest`, `image config`. */
  what: string;
  /** `integers` refuses fractions, exponents and what a double cannot hold exactly, wherever they stand. */
  numbers: 'integers' | 'any';
  maxDepth?: number;
}

const defaultMaxDepth = 64;
const whitespace = /[ \t\n\r]*/y;
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const control = /[\u0000-\u001f]/;
const loneSurrogate = /[\ud800-\udfff]/u;
const words: [string, Json][] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

interface Scanner {
  readonly text: string;
  readonly options: StrictJsonOptions;
  position: number;
}

/**
 * Parses one JSON value that is all of `bytes`.
 *
 * @throws KnownError `E_DOCUMENT` for anything that is not UTF-8 JSON, nests too deep or repeats a key.
 */
export function parseStrictJson(bytes: Uint8Array, options: StrictJsonOptions): Json {
  const scanner: Scanner = { text: decodeUtf8(bytes, options.what), options, position: 0 };
  const value = parseValue(scanner, 0);
  skipWhitespace(scanner);
  if (scanner.position < scanner.text.length) throw refuse(scanner, 'text after its end');
  return value;
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new KnownError('E_DOCUMENT', `${what} is not UTF-8 text`, { cause });
  }
  if (text.startsWith('\ufeff')) throw new KnownError('E_DOCUMENT', `${what} begins with a byte order mark`);
  return text;
}

function parseValue(scanner: Scanner, depth: number): Json {
  if (depth > (scanner.options.maxDepth ?? defaultMaxDepth)) throw refuse(scanner, 'too many levels');
  skipWhitespace(scanner);
  const character = scanner.text[scanner.position];
  if (character === '{') return parseObject(scanner, depth);
  if (character === '[') return parseArray(scanner, depth);
  if (character === '"') return parseString(scanner);
  for (const [word, value] of words) {
    if (!scanner.text.startsWith(word, scanner.position)) continue;
    scanner.position += word.length;
    return value;
  }
  return parseNumber(scanner);
}

function parseObject(scanner: Scanner, depth: number): JsonObject {
  const object: JsonObject = {};
  scanner.position++;
  if (accept(scanner, '}')) return object;
  do {
    skipWhitespace(scanner);
    const key = parseString(scanner);
    if (Object.hasOwn(object, key)) throw refuse(scanner, `the key "${printable(key, 100)}" twice`);
    if (!accept(scanner, ':')) throw refuse(scanner, 'no colon after a key');
    // Not an assignment: `__proto__` is a key like any other.
    const value = parseValue(scanner, depth + 1);
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  } while (accept(scanner, ','));
  if (!accept(scanner, '}')) throw refuse(scanner, 'an object that does not end');
  return object;
}

function parseArray(scanner: Scanner, depth: number): Json[] {
  const array: Json[] = [];
  scanner.position++;
  if (accept(scanner, ']')) return array;
  do array.push(parseValue(scanner, depth + 1));
  while (accept(scanner, ','));
  if (!accept(scanner, ']')) throw refuse(scanner, 'an array that does not end');
  return array;
}

/** No expression finds the end: with escapes to be passed over it would need a stack as long as the text. */
function parseString(scanner: Scanner): string {
  const token = stringToken(scanner);
  const value = token === undefined ? undefined : unescaped(token);
  if (token === undefined || value === undefined) throw refuse(scanner, 'no valid string where one belongs');
  scanner.position += token.length;
  if (token.includes('\\') && loneSurrogate.test(value)) throw refuse(scanner, 'half of a surrogate pair');
  return value;
}

/** From a quote to the next one that no backslash stands before. */
function stringToken({ text, position }: Scanner): string | undefined {
  if (text[position] !== '"') return undefined;
  for (let end = text.indexOf('"', position + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return text.slice(position, end + 1);
  }
  return undefined;
}

/** undefined where an escape is none, or a control character is not escaped (RFC 8259 section 7). */
function unescaped(token: string): string | undefined {
  if (!token.includes('\\')) return control.test(token) ? undefined : token.slice(1, -1);
  try {
    return JSON.parse(token);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseNumber(scanner: Scanner): number {
  const token = match(scanner, numberToken);
  if (token === undefined) throw refuse(scanner, 'no value where one belongs');
  const value = Number(token);
  const exact = /^-?\d+$/.test(token) && Number.isSafeInteger(value) && token !== '-0';
  if (scanner.options.numbers === 'integers' && !exact)
    throw refuse(scanner, `the number ${printable(token, 40)}, which is not an exact integer`);
  return value;
}

function skipWhitespace(scanner: Scanner): void {
  whitespace.lastIndex = scanner.position;
  whitespace.test(scanner.text);
  scanner.position = whitespace.lastIndex;
}

function accept(scanner: Scanner, character: string): boolean {
  skipWhitespace(scanner);
  if (scanner.text[scanner.position] !== character) return false;
  scanner.position++;
  return true;
}

function match(scanner: Scanner, token: RegExp): string | undefined {
  token.lastIndex = scanner.position;
  const found = token.exec(scanner.text)?.[0];
  if (found !== undefined) scanner.position += found.length;
  return found;
}

function refuse({ options, position }: Scanner, problem: string): KnownError {
  return new KnownError('E_DOCUMENT', `${options.what} is not acceptable JSON: ${problem} (at character ${position})`);
}
