/**
 * The data that a template sees. Templates show Go's types in what they print and in their errors, so values carry as
 * much of Go's type system as that needs: whole numbers are `bigint` (int), others `number` (float64), nil is `null`.
 */
import { isRecord } from '../../store/images/image-document.js';

export type GoValue = null | boolean | string | bigint | number | GoSlice | GoMap | GoStruct | GoTyped;

export interface GoSlice {
  readonly kind: 'slice';
  /** Go's name of the element type: `string`, `interface {}`. */
  readonly element: string;
  /** null for a nil slice, which prints as `[]` and is `null` in JSON. */
  readonly items: readonly GoValue[] | null;
}

/** A map with string keys. */
export interface GoMap {
  readonly kind: 'map';
  readonly element: string;
  readonly entries: ReadonlyMap<string, GoValue> | null;
}

export interface GoField {
  readonly name: string;
  readonly value: GoValue;
  /** The key in JSON where it is not the name; null leaves the field out. */
  readonly json?: string | null;
  /** Left out of JSON when empty. */
  readonly omitEmpty?: boolean;
  /** The fields of an embedded struct count as this struct's own. */
  readonly embedded?: boolean;
}

export interface GoStruct {
  readonly kind: 'struct';
  readonly type: string;
  readonly fields: readonly GoField[];
  /** Escapes `<`, `>` and `&` in JSON, as types with their own MarshalJSON do. */
  readonly escapeHtml?: boolean;
}

/** A value of a named type that prints differently from what it is in JSON: a time, a duration, a json.Number. */
export interface GoTyped {
  readonly kind: 'typed';
  readonly type: string;
  readonly text: string;
  readonly json: string;
  /** How Go's reflection sees it: a json.Number is a string. */
  readonly underlying: string | bigint | null;
}

export const strings = (items: readonly string[] | null): GoSlice => ({ kind: 'slice', element: 'string', items });

export const stringMap = (entries: ReadonlyMap<string, string> | null): GoMap => ({
  kind: 'map',
  element: 'string',
  entries,
});

/** What Go's decoder makes of JSON when it has no type to go by, numbers kept as written. */
export function fromJson(value: unknown): GoValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value);
    return { kind: 'typed', type: 'json.Number', text, json: text, underlying: text };
  }
  if (Array.isArray(value)) return { kind: 'slice', element: 'interface {}', items: value.map(fromJson) };
  if (!isRecord(value)) throw new TypeError(`${typeof value} is not JSON`);
  const entries = new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
  return { kind: 'map', element: 'interface {}', entries };
}

export function isKind<K extends 'slice' | 'map' | 'struct' | 'typed'>(
  value: GoValue,
  kind: K,
): value is Extract<GoValue, { kind: K }> {
  return typeof value === 'object' && value !== null && value.kind === kind;
}

export function typeName(value: GoValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float64';
  if (value.kind === 'slice') return `[]${value.element}`;
  if (value.kind === 'map') return `map[string]${value.element}`;
  return value.type;
}

/** What `if` takes for true: everything but nil, false, zero and what is empty. */
export function isTrue(value: GoValue): boolean {
  if (value === null) return false;
  if (typeof value !== 'object') return Boolean(value);
  if (value.kind === 'slice') return (value.items?.length ?? 0) > 0;
  if (value.kind === 'map') return (value.entries?.size ?? 0) > 0;
  if (value.kind === 'typed') return value.underlying === null || Boolean(value.underlying);
  return true;
}

/** The zero value of an element type, which is what a missing key of a map has. */
export function zeroOf(element: string): GoValue {
  if (element === 'string') return '';
  if (element.startsWith('int')) return 0n;
  if (element === 'struct {}') return { kind: 'struct', type: element, fields: [] };
  return null;
}

export function findField(value: GoStruct, name: string): GoField | undefined {
  for (const field of value.fields) if (field.name === name) return field;
  for (const field of value.fields) {
    const inner = field.embedded && isKind(field.value, 'struct') ? findField(field.value, name) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}
