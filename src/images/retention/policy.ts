/** A retention policy: by flags of `tsimage prune`, or in a file with the same words. */
import { KnownError } from '../../../store/errors.js';
import { readBoundedFile } from '../../../store/fs/bounded-file.js';
import {
  type Fields,
  field,
  fieldsOf,
  integerField,
  stringField,
  stringsField,
  wrong,
} from '../../../store/oci/fields.js';
import { type Json, parseStrictJson } from '../../../store/oci/strict-json.js';
import { printable } from '../../../store/printable.js';

export interface RetentionPolicy {
  /** Of each repository the newest so many stay. */
  keepLast?: number;
  /** What was used within this time stays. */
  unusedForMs?: number;
  /** Of all layers of the root together. */
  maxBytes?: number;
  /** Patterns of names that always stay. */
  pins?: readonly string[];
  /** Patterns of names: of other images none goes. */
  only?: readonly string[];
}

const MAX_FILE_BYTES = 256 * 1024;
const words = ['keep-last', 'unused-for', 'max-bytes', 'pin', 'only'];

/**
 * `{"keep-last": 3, "unused-for": "30d", "max-bytes": "20g", "pin": ["base/*"], "only": ["ci/*"]}`; each may be absent.
 *
 * @throws KnownError E_NOT_FOUND, E_PERMISSION, E_DOCUMENT, E_USAGE
 */
export function readPolicy(path: string): RetentionPolicy {
  return parsePolicy(readBoundedFile(path, MAX_FILE_BYTES), `the policy "${printable(path, 300)}"`);
}

/** @throws KnownError E_DOCUMENT, E_USAGE */
export function parsePolicy(bytes: Uint8Array, what: string): RetentionPolicy {
  const json = parseStrictJson(bytes, { what, numbers: 'integers' });
  const fields = fieldsOf(json, what, words);
  // A word that is mistyped would let images go that should stay.
  const unknown = Object.keys(fields.object).find((key) => !words.includes(key));
  if (unknown !== undefined) throw wrong(what, `has "${printable(unknown, 100)}", which means nothing in a policy`);
  const keepLast = integerField(fields, 'keep-last');
  if (keepLast !== undefined) checkKeepLast(keepLast);
  const unusedFor = stringField(fields, 'unused-for');
  const maxBytes = textOf(fields, 'max-bytes');
  return {
    ...(keepLast !== undefined && { keepLast }),
    ...(unusedFor !== undefined && { unusedForMs: parseAge(unusedFor) }),
    ...(maxBytes !== undefined && { maxBytes: parseSize(maxBytes) }),
    pins: stringsField(fields, 'pin') ?? [],
    only: stringsField(fields, 'only') ?? [],
  };
}

/** A number of bytes is written with or without quotes. */
function textOf(fields: Fields, key: string): string | undefined {
  const value: Json | undefined = field(fields, key);
  return typeof value === 'number' ? String(value) : stringField(fields, key);
}

/** What a flag says decides over the file; patterns of both count. */
export function joinPolicies(file: RetentionPolicy, flags: RetentionPolicy): RetentionPolicy {
  return {
    ...file,
    ...flags,
    pins: [...(file.pins ?? []), ...(flags.pins ?? [])],
    only: [...(file.only ?? []), ...(flags.only ?? [])],
  };
}

const ageUnits: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** `30d`, `2w`, `1d12h`: milliseconds. @throws KnownError E_USAGE */
export function parseAge(text: string): number {
  if (!/^(?:\d{1,6}[smhdw]){1,5}$/.test(text))
    throw new KnownError('E_USAGE', `"${printable(text, 100)}" is no time such as 30d, 12h or 1d12h`);
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhdw])/g)) sum += Number(count) * (ageUnits[unit] ?? 0);
  return sum;
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `20g`, `512m`, `1.5GiB`, `1000000`: bytes, the units being powers of 1024 as in `tsrun --memory`. @throws KnownError E_USAGE */
export function parseSize(text: string): number {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (sizeUnits[unit.toLowerCase()] ?? 1));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new KnownError('E_USAGE', `"${printable(text, 100)}" is no size such as 20g or 512m`);
}

/** @throws KnownError E_USAGE */
export function checkKeepLast(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1 && count <= 1_000_000) return count;
  throw new KnownError('E_USAGE', `${count} images of each repository cannot be kept: a number from 1 on is expected`);
}
