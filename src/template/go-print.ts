/** How Go's fmt shows values with %v, and print and println. */
import { compareBytes } from '../../store/oci/go-json.js';
import { formatShortest } from './go-float.js';
import { type GoStruct, type GoValue, isKind } from './values.js';

/** `%v`, or `%+v` with names of fields. */
export function formatValue(value: GoValue, withNames = false): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return formatShortest(value);
  if (typeof value !== 'object') return String(value);
  switch (value.kind) {
    case 'slice':
      return `[${(value.items ?? []).map((item) => formatValue(item, withNames)).join(' ')}]`;
    case 'map': {
      const entries = [...(value.entries ?? [])].sort(([a], [b]) => compareBytes(a, b));
      return `map[${entries.map(([key, item]) => `${key}:${formatValue(item, withNames)}`).join(' ')}]`;
    }
    case 'struct':
      return formatStruct(value, withNames);
    case 'typed':
      return value.text;
  }
}

function formatStruct(value: GoStruct, withNames: boolean): string {
  const fields = value.fields.map((field) => {
    const text = formatValue(field.value, withNames);
    return withNames ? `${field.name}:${text}` : text;
  });
  return `{${fields.join(' ')}}`;
}

/** fmt.Sprint: a blank between operands when neither is a string. */
export function sprint(values: readonly GoValue[]): string {
  return values
    .map((value, index) => {
      const before = index > 0 && !isString(value) && !isString(values[index - 1] ?? null) ? ' ' : '';
      return before + formatValue(value);
    })
    .join('');
}

/** fmt.Sprintln: always blanks, and a newline. */
export function sprintln(values: readonly GoValue[]): string {
  return `${values.map((value) => formatValue(value)).join(' ')}\n`;
}

function isString(value: GoValue): boolean {
  return typeof value === 'string' || (isKind(value, 'typed') && typeof value.underlying === 'string');
}
