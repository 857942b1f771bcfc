/** The functions that a template may call: Go's own, and those that Docker adds. */
import { equalsAny, FunctionError, order } from './compare.js';
import { escapeHtml, escapeJs, escapeQuery } from './escapes.js';
import { sprintf } from './go-format.js';
import { formatValue, sprint, sprintln } from './go-print.js';
import { jsonText } from './json-text.js';
import { type GoSlice, type GoValue, isKind, isTrue, strings, typeName, zeroOf } from './values.js';

export type ParameterType = 'any' | 'string' | 'int' | 'strings';

export interface TemplateFunction {
  parameters: readonly ParameterType[];
  /** The type of any further arguments. */
  rest?: ParameterType;
  /** Arguments have been checked against the types. */
  call(args: readonly GoValue[]): GoValue;
}

export type Functions = ReadonlyMap<string, TemplateFunction>;

/** `and` and `or` stop at the first argument that decides, so the evaluator performs them. */
export const shortCircuits = new Set(['and', 'or']);

function text(value: GoValue | undefined): string {
  if (typeof value === 'string') return value;
  return value !== undefined && isKind(value, 'typed') && typeof value.underlying === 'string' ? value.underlying : '';
}
const whole = (value: GoValue | undefined): number => (typeof value === 'bigint' ? Number(value) : 0);
const any = (value: GoValue | undefined): GoValue => value ?? null;

const compare = (test: (order: number) => boolean): TemplateFunction => ({
  parameters: ['any', 'any'],
  call: ([a, b]) => test(order(any(a), any(b))),
});
const ofString = (change: (value: string) => string): TemplateFunction => ({
  parameters: ['string'],
  call: ([value]) => change(text(value)),
});
const ofAll = (change: (values: readonly GoValue[]) => string): TemplateFunction => ({
  parameters: [],
  rest: 'any',
  call: change,
});

/** Longer results are refused: `printf` and `pad` could ask for any amount. */
const maxText = 64 << 20;

const goFunctions: [name: string, definition: TemplateFunction][] = [
  [
    'and',
    { parameters: ['any'], rest: 'any', call: (args) => any(args.find((value) => !isTrue(value)) ?? args.at(-1)) },
  ],
  ['or', { parameters: ['any'], rest: 'any', call: (args) => any(args.find(isTrue) ?? args.at(-1)) }],
  ['not', { parameters: ['any'], call: ([value]) => !isTrue(any(value)) }],
  ['len', { parameters: ['any'], call: ([value]) => length(any(value)) }],
  ['index', { parameters: ['any'], rest: 'any', call: ([value, ...keys]) => keys.reduce(indexInto, any(value)) }],
  ['slice', { parameters: ['any'], rest: 'any', call: ([value, ...bounds]) => sliceOf(any(value), bounds) }],
  ['print', ofAll(sprint)],
  ['println', ofAll(sprintln)],
  ['printf', { parameters: ['string'], rest: 'any', call: ([format, ...args]) => sprintf(text(format), args) }],
  ['html', ofAll((values) => escapeHtml(sprint(values)))],
  ['js', ofAll((values) => escapeJs(sprint(values)))],
  ['urlquery', ofAll((values) => escapeQuery(sprint(values)))],
  ['eq', { parameters: ['any'], rest: 'any', call: ([first, ...others]) => equalsAny(any(first), others) }],
  ['ne', { parameters: ['any', 'any'], call: ([a, b]) => !equalsAny(any(a), [any(b)]) }],
  ['lt', compare((sign) => sign < 0)],
  ['le', compare((sign) => sign <= 0)],
  ['gt', compare((sign) => sign > 0)],
  ['ge', compare((sign) => sign >= 0)],
];

const dockerFunctions: [name: string, definition: TemplateFunction][] = [
  ['json', { parameters: ['any'], call: ([value]) => jsonText(any(value)) }],
  ['split', { parameters: ['string', 'string'], call: ([value, by]) => strings(text(value).split(text(by))) }],
  ['join', { parameters: ['strings', 'string'], call: ([items, by]) => join(any(items), text(by)) }],
  ['title', ofString((value) => value.replace(/(^|[^\p{L}\p{Nd}_])(\p{L})/gu, (all) => all.toUpperCase()))],
  ['lower', ofString((value) => value.toLowerCase())],
  ['upper', ofString((value) => value.toUpperCase())],
  [
    'pad',
    {
      parameters: ['string', 'int', 'int'],
      call: ([value, before, after]) => pad(text(value), whole(before), whole(after)),
    },
  ],
  ['truncate', { parameters: ['string', 'int'], call: ([value, count]) => truncate(text(value), whole(count)) }],
];

/** Everything that `docker … --format` offers. */
export const functions: Functions = new Map([...goFunctions, ...dockerFunctions]);

/** In the line of headings of a table these leave the heading as it is. */
export const headingFunctions: Functions = new Map([
  ...functions,
  ...['json', 'title', 'lower', 'upper'].map((name): [string, TemplateFunction] => [name, ofString((value) => value)]),
  ['truncate', { parameters: ['string', 'int'], call: ([value]) => text(value) }],
]);

function length(value: GoValue): bigint {
  const items = isKind(value, 'slice')
    ? (value.items ?? []).length
    : isKind(value, 'map')
      ? (value.entries?.size ?? 0)
      : undefined;
  if (items !== undefined) return BigInt(items);
  const string = isKind(value, 'typed') ? value.underlying : value;
  if (typeof string === 'string') return BigInt(Buffer.byteLength(string));
  throw new FunctionError(
    value === null ? 'reflect: call of reflect.Value.Type on zero Value' : `len of type ${typeName(value)}`,
  );
}

function indexInto(value: GoValue, key: GoValue): GoValue {
  if (value === null) throw new FunctionError('index of untyped nil');
  if (isKind(value, 'map')) {
    if (typeof key !== 'string') throw new FunctionError(wrongType(key, 'string'));
    return value.entries?.get(key) ?? (value.entries?.has(key) ? null : zeroOf(value.element));
  }
  if (isKind(value, 'slice')) {
    const position = checkIndex(key, (value.items ?? []).length - 1);
    return any(value.items?.[position]);
  }
  const string = isKind(value, 'typed') ? value.underlying : value;
  if (typeof string === 'string') {
    const bytes = Buffer.from(string);
    return BigInt(bytes[checkIndex(key, bytes.length - 1)] ?? 0);
  }
  throw new FunctionError(`can't index item of type ${typeName(value)}`);
}

function wrongType(value: GoValue, expected: string): string {
  if (value === null) return `value is nil; should be of type ${expected}`;
  return `value has type ${typeName(value)}; should be ${expected}`;
}

function checkIndex(index: GoValue, last: number): number {
  if (index === null) throw new FunctionError('cannot index slice/array with nil');
  if (typeof index !== 'bigint') throw new FunctionError(`cannot index slice/array with type ${typeName(index)}`);
  if (index < 0n || index > BigInt(last)) throw new FunctionError(`index out of range: ${index}`);
  return Number(index);
}

function sliceOf(value: GoValue, bounds: readonly GoValue[]): GoValue {
  if (value === null) throw new FunctionError('slice of untyped nil');
  if (bounds.length > 3) throw new FunctionError(`too many slice indexes: ${bounds.length}`);
  const source = isKind(value, 'typed') ? value.underlying : value;
  if (typeof source === 'string') {
    if (bounds.length === 3) throw new FunctionError('cannot 3-index slice a string');
    const bytes = Buffer.from(source);
    return bytes.subarray(...checkBounds(bounds, bytes.length)).toString();
  }
  if (!isKind(value, 'slice')) throw new FunctionError(`can't slice item of type ${typeName(value)}`);
  const items = value.items ?? [];
  return { ...value, items: items.slice(...checkBounds(bounds, items.length)) } satisfies GoSlice;
}

function checkBounds(bounds: readonly GoValue[], size: number): [start: number, end: number] {
  const [start = 0, end = size] = bounds.map((bound) => checkIndex(bound, size));
  if (start > end) throw new FunctionError(`invalid slice index: ${start} > ${end}`);
  return [start, end];
}

function join(items: GoValue, separator: string): string {
  return isKind(items, 'slice') ? (items.items ?? []).map((item) => formatValue(item)).join(separator) : '';
}

function pad(value: string, before: number, after: number): string {
  if (value === '') return value;
  if (before < 0 || after < 0) throw new FunctionError('strings: negative Repeat count');
  if (before + after > maxText) throw new FunctionError('the result is too long');
  return ' '.repeat(before) + value + ' '.repeat(after);
}

/** Docker counts bytes and may cut a character in two. */
function truncate(value: string, count: number): string {
  if (count < 0) throw new FunctionError('slice bounds out of range');
  const bytes = Buffer.from(value);
  return bytes.length < count ? value : bytes.subarray(0, count).toString();
}
