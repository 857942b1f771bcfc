/** encoding/json of the values of a template. */
import { compareBytes, goJsonString } from '../../store/oci/go-json.js';
import { type GoField, type GoStruct, type GoValue, isKind } from './values.js';

/** Compact JSON; keys of maps sorted, fields of structs in their order. */
export function jsonText(value: GoValue, escapeHtml = false): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return goJsonString(value, escapeHtml);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value !== 'object') return String(value);
  switch (value.kind) {
    case 'slice':
      return value.items === null ? 'null' : `[${value.items.map((item) => jsonText(item, escapeHtml)).join(',')}]`;
    case 'map':
      if (value.entries === null) return 'null';
      return object(
        [...value.entries].sort(([a], [b]) => compareBytes(a, b)),
        escapeHtml,
      );
    case 'struct':
      return object(structEntries(value), escapeHtml || value.escapeHtml === true);
    case 'typed':
      return value.json;
  }
}

function object(entries: readonly (readonly [string, GoValue])[], escapeHtml: boolean): string {
  return `{${entries.map(([key, value]) => `${goJsonString(key, escapeHtml)}:${jsonText(value, escapeHtml)}`).join(',')}}`;
}

function structEntries(value: GoStruct): [string, GoValue][] {
  return value.fields.flatMap((field): [string, GoValue][] => {
    if (field.json === null || (field.omitEmpty && isEmpty(field))) return [];
    if (field.embedded && isKind(field.value, 'struct')) return structEntries(field.value);
    return [[field.json ?? field.name, field.value]];
  });
}

/** `omitempty`: false, zero, nil, and what has no elements; a struct is never empty. */
function isEmpty({ value }: GoField): boolean {
  if (value === null) return true;
  if (typeof value !== 'object') return !value;
  if (value.kind === 'slice') return (value.items?.length ?? 0) === 0;
  if (value.kind === 'map') return (value.entries?.size ?? 0) === 0;
  return value.kind === 'typed' && value.underlying !== null && !value.underlying;
}
