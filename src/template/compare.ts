/** eq, ne, lt, le, gt, ge: only values of one basic kind compare. */
import { compareBytes } from '../../store/oci/go-json.js';
import { formatValue } from './go-print.js';
import { type GoValue, isKind, typeName } from './values.js';

type Basic = boolean | string | bigint | number;

/** A failure of a function, whose place the evaluator adds. */
export class FunctionError extends Error {}

function basic(value: GoValue): Basic | undefined {
  if (value === null) return undefined;
  if (isKind(value, 'typed')) return value.underlying ?? undefined;
  return typeof value === 'object' ? undefined : value;
}

/** True when `first` equals any of `others`. */
export function equalsAny(first: GoValue, others: readonly GoValue[]): boolean {
  if (others.length === 0) throw new FunctionError('missing argument for comparison');
  refuseIncomparable(first);
  return others.some((other) => equals(first, other));
}

function equals(a: GoValue, b: GoValue): boolean {
  const left = basic(a);
  const right = basic(b);
  if (left !== undefined && right !== undefined) {
    if (typeof left !== typeof right) throw new FunctionError('incompatible types for comparison');
    return left === right;
  }
  refuseIncomparable(b);
  if (a === null || b === null) return a === b;
  if (typeName(a) !== typeName(b)) throw new FunctionError('incompatible types for comparison');
  return formatValue(a) === formatValue(b);
}

/** Slices and maps compare with nothing. */
function refuseIncomparable(value: GoValue): void {
  if (isKind(value, 'slice') || isKind(value, 'map'))
    throw new FunctionError(`non-comparable type ${formatValue(value)}: ${typeName(value)}`);
}

/** Negative, zero or positive. */
export function order(a: GoValue, b: GoValue): number {
  const left = basic(a);
  const right = basic(b);
  if (left === undefined || right === undefined || typeof left === 'boolean')
    throw new FunctionError('invalid type for comparison');
  if (typeof left !== typeof right) throw new FunctionError('incompatible types for comparison');
  if (typeof left === 'string' && typeof right === 'string') return compareBytes(left, right);
  return left === right ? 0 : left < right ? -1 : 1;
}
