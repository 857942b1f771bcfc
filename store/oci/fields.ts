/** Reading typed fields from a parsed document, each with an error that names the field. */
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';
import type { Json, JsonObject } from './strict-json.js';

/** A JSON object together with its name for error messages. */
export interface Fields {
  readonly what: string;
  readonly object: JsonObject;
}

/**
 * The object behind `value`. A key that equals one of `known` but for its case is refused, because Go would take it
 * for that key (encoding/json: "preferring exact matches but also accepting case-insensitive matches").
 */
export function fieldsOf(value: Json | undefined, what: string, known: readonly string[]): Fields {
  if (!isObject(value)) throw wrong(what, 'is not an object');
  const folded = new Map(known.map((key) => [fold(key), key]));
  for (const key of Object.keys(value)) {
    const exact = folded.get(fold(key));
    if (exact !== undefined && exact !== key) throw wrong(what, `spells "${exact}" as "${printable(key, 100)}"`);
  }
  return { what, object: value };
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a key; undefined when it is absent or null, which Go does not tell apart. */
export function field({ object }: Fields, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

export function stringField(fields: Fields, key: string): string | undefined {
  const value = field(fields, key);
  if (value !== undefined && typeof value !== 'string') throw wrongField(fields, key, 'a string');
  return value;
}

export function integerField(fields: Fields, key: string): number | undefined {
  const value = field(fields, key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongField(fields, key, 'an integer');
  return value;
}

export function booleanField(fields: Fields, key: string): boolean {
  const value = field(fields, key) ?? false;
  if (typeof value !== 'boolean') throw wrongField(fields, key, 'true or false');
  return value;
}

export function arrayField(fields: Fields, key: string): Json[] | undefined {
  const value = field(fields, key);
  if (value !== undefined && !Array.isArray(value)) throw wrongField(fields, key, 'an array');
  return value;
}

export function stringsField(fields: Fields, key: string): string[] | undefined {
  return arrayField(fields, key)?.map((item) => {
    if (typeof item !== 'string') throw wrongField(fields, key, 'an array of strings');
    return item;
  });
}

/** A command line: a list of words, or one string that is the only word (as Go programs of Docker read it). */
export function commandField(fields: Fields, key: string): string[] | undefined {
  const value = field(fields, key);
  return typeof value === 'string' ? [value] : stringsField(fields, key);
}

/** A map with string values, such as labels; its keys are free. */
export function stringMapField(fields: Fields, key: string): Record<string, string> | undefined {
  const value = field(fields, key);
  if (value === undefined) return undefined;
  if (!isObject(value)) throw wrongField(fields, key, 'an object');
  for (const item of Object.values(value))
    if (typeof item !== 'string') throw wrongField(fields, key, 'a map of strings');
  return value as Record<string, string>;
}

/** The keys of a map that is used as a set: `{"80/tcp": {}}`. */
export function setField(fields: Fields, key: string): string[] | undefined {
  const value = field(fields, key);
  if (value === undefined) return undefined;
  if (!isObject(value)) throw wrongField(fields, key, 'an object');
  return Object.keys(value);
}

export function wrongField({ what }: Fields, key: string, expected: string): KnownError {
  return wrong(what, `has a "${key}" that is not ${expected}`);
}

export function wrong(what: string, problem: string): KnownError {
  return new KnownError('E_DOCUMENT', `${what} ${problem}`);
}

/** As Go folds keys: with the long s and the Kelvin sign taken for their ASCII letters. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}
